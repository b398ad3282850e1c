"""Records: what a service's CI says about one build, in every format that CIs already write."""
