"""Being refused as everybody is: root may look into every folder, and tests often run as root."""

from __future__ import annotations

import os


def like_everybody() -> list[str]:
    """What to put before a command, so that the permissions of files hold for it, whoever runs the tests."""
    # Still root, so that it may start an interpreter in root's home; without the two capabilities it is refused.
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
