//! Whole templates in, stacks and errors out.
