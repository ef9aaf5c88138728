//! devmentor-cli
