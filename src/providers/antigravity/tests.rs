//! Worked vectors and old files.
