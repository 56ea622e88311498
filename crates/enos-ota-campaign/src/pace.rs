//! How many calls are made at a time, and how soon one follows another.
