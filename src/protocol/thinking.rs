//! Thinking suffixes, levels and budgets (`routing.md` §3, `matrix.md` §4.5).
