//! Span edits on JSON text: everything not named by an edit goes out as it came in.
