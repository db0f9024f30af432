//! vad_referee
