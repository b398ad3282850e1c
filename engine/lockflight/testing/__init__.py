"""Behaving stand-ins for every port, for our own tests and for those of users."""
