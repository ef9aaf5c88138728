//! The git revision that an executable was built from. It stands in a file beside the executables, which who
//! builds them writes, so that a commit compiles nothing anew.

use std::{env, fs, path::Path};

const FILE: &str = "revision";
const UNKNOWN: &str = "unknown";

/// Longer than any commit, with its mark of files that differ from it.
const LONGEST: usize = 64;

/// The revision of the executable that runs; `unknown` where nobody wrote it down.
pub fn running() -> String {
    let executable = env::current_exe().unwrap_or_default();
    beside(&executable)
}

fn beside(executable: &Path) -> String {
    let written = fs::read_to_string(executable.with_file_name(FILE)).unwrap_or_default();
    let revision = written.trim();
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    match (1..=LONGEST).contains(&revision.len()) && revision.bytes().all(is_one) {
        true => revision.to_owned(),
        false => UNKNOWN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_from_beside_the_executable_and_else_unknown() {
        let dir = tempfile::tempdir().expect("a directory");
        let executable = dir.path().join("a-service");
        assert_eq!(beside(&executable), "unknown");
        for (written, read) in [
            ("0f1e2d3c-dirty\n", "0f1e2d3c-dirty"),
            ("\n", "unknown"),
            ("no \"revision\"", "unknown"),
        ] {
            fs::write(dir.path().join(FILE), written).expect("written");
            assert_eq!(beside(&executable), read);
        }
    }
}
