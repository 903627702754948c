"""Packing each function into a zip of its own, for Cloud Run functions: what it imports, in always the same bytes."""

from release.errors import PackagingError
from release.packages import Package, build, write

__all__ = ["Package", "PackagingError", "build", "write"]
