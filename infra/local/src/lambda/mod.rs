//! Lambda: environments, the Runtime API, invocation and event source mappings.
