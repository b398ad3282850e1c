"""Names: references as the distribution grammar has them, and the templates that make them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lockflight import names

DIGEST = "sha256:" + "a" * 64

# The grammar of the distribution project, written as generators.
_alphanumeric = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=6)
_component = st.builds(
    lambda first, rest: first + "".join(separator + word for separator, word in rest),
    _alphanumeric,
    st.lists(st.tuples(st.sampled_from([".", "_", "__", "-", "---"]), _alphanumeric), max_size=2),
)
_host = st.sampled_from(
    ["localhost", "localhost:5000", "ghcr.io", "127.0.0.1:5000", "[::1]:5000", "Registry", "a-b.example:443"]
)
_path = st.lists(_component, min_size=1, max_size=3).map("/".join)
_tag = st.from_regex(rf"\A{names.TAG}\Z")


@given(_host, _path, st.none() | _tag, st.sampled_from([None, DIGEST]))
def test_every_reference_of_the_grammar_is_read_as_it_was_built(
    host: str, path: str, tag: str | None, digest: str | None
) -> None:
    text = f"{host}/{path}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    reference = names.parse_reference(text)
    assert (reference.registry, reference.path, reference.tag, reference.digest) == (host, path, tag, digest)
    assert names.parse_reference(str(reference)) == reference


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_reason_and_never_crashes(text: str) -> None:
    try:
        reference = names.parse_reference(text)
    except ValueError as error:
        assert str(error)
    else:
        assert names.parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("postgres", "docker.io/library/postgres"),
        ("postgres:16-alpine", "docker.io/library/postgres:16-alpine"),
        ("acme/cart", "docker.io/acme/cart"),
        ("docker.io/postgres", "docker.io/library/postgres"),
        ("index.docker.io/acme/cart", "docker.io/acme/cart"),
        ("localhost/cart", "localhost/cart"),
        ("ghcr.io/acme/cart:v1@" + DIGEST, "ghcr.io/acme/cart:v1@" + DIGEST),
    ],
)
def test_short_names_are_completed_as_docker_does(short: str, full: str) -> None:
    assert str(names.parse_reference(short)) == full


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        (" cart", "white space"),
        ("acme/Cart", "lower case"),
        ("ghcr.io/Acme/cart:V1", "lower case"),
        ("localhost:5000/acme/Cart@sha256:" + "a" * 64, "lower case"),
        ("https://ghcr.io/acme/cart", "without the protocol"),
        ("ghcr.io/acme/cart:", "the tag may hold"),
        ("ghcr.io/acme/cart:-x", "the tag may hold"),
        ("ghcr.io/acme/cart:" + "x" * 129, "the tag may hold"),
        ("ghcr.io/acme//cart", "expected registry/path"),
        ("ghcr.io/acme/cart@sha256:" + "a" * 63, "64 hexadecimal digits"),
        ("ghcr.io/acme/cart@sha256:" + "A" * 64, "64 hexadecimal digits"),
        ("ghcr.io/acme/cart@sha512:" + "a" * 128, "64 hexadecimal digits"),
        ("ghcr.io/acme/_cart", "expected registry/path"),
        ("a" * 64, "image's id"),
        ("ghcr.io/" + "a/" * 130 + "b", "longer than 255"),
    ],
)
def test_a_malformed_reference_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        names.parse_reference(text)


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("ghcr.io/acme/{service}", "ghcr.io/acme/cart"),
        ("{sha}", "7ef65d6449fb9e0f573eee46308e04d66912638e"),
        ("main-native-{sha:7}", "main-native-7ef65d6"),
    ],
)
def test_templates_are_filled(template: str, filled: str) -> None:
    sha = "7ef65d6449fb9e0f573eee46308e04d66912638e"
    assert names.expand(template, service="cart", sha=sha) == filled
    assert names.template_problem(template) is None


@pytest.mark.parametrize(
    "template", ["{servce}", "{sha:x}", "{sha:3}", "{sha:41}", "{", "a}b", "{}", "{{sha}}"]
)
def test_a_template_that_cannot_be_filled_is_named_before_use(template: str) -> None:
    assert names.template_problem(template)


def test_credentials_are_taken_out_of_urls() -> None:
    assert names.without_credentials("see https://bot:hunter2@git.example/x") == "see https://git.example/x"
    assert names.without_credentials("ssh://git@host/x.git") == "ssh://host/x.git"


_HOSTS = st.from_regex(r"[a-z]{1,8}|[a-z]{1,8}\.example(:[0-9]{2,4})?", fullmatch=True)


@given(
    user=st.from_regex(r"[a-z]{0,8}", fullmatch=True),
    secret=st.text("0123456789/?#aZ.:", min_size=1),
    host=_HOSTS,
)
def test_a_users_secret_is_taken_out_whatever_it_is_made_of(user: str, secret: str, host: str) -> None:
    assume(user != "localhost")
    assert names.without_credentials(f"https://{user}:{secret}@{host}") == f"https://{host}"


@given(
    image=st.from_regex(
        rf"(localhost|[a-z]{{1,8}}|[a-z]\.example):[1-9][0-9]{{0,3}}/{names._PATH}", fullmatch=True
    )
)
def test_an_image_by_its_digest_holds_no_secret(image: str) -> None:
    whole = f"{image}@sha256:{'0f' * 32}"
    assert names.without_credentials(whole) == whole
    assert names.without_credentials(f"docker://{whole}") == f"docker://{whole}"


@pytest.mark.parametrize("image", ["u:12/3@h", "u:hunter12/3@h/x", "https://u:12/3@h"])
def test_what_is_no_image_is_told_without_the_secret_in_it(image: str) -> None:
    with pytest.raises(ValueError, match="is not an image reference") as caught:
        names.parse_reference(image)
    assert "12/3" not in str(caught.value)
    assert "h" in str(caught.value)


def test_a_misspelt_word_gets_the_nearest_known_one() -> None:
    assert names.did_you_mean("cartt", ["cart", "orders"]) == "did you mean 'cart'?"
    assert names.did_you_mean("zzz", ["cart"]) is None
