//! forms
mod values;
mod words;
