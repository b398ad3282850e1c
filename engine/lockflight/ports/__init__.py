"""The outside worlds, each as a small Protocol beside the types that it exchanges."""
