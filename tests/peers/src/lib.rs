//! Nothing of its own: the package is for its tests.
