//! How much a problem says at most. Over gRPC it travels in headers, and a client refuses a list of them
//! over 16 KiB: a problem that is longer would arrive as an outage.

use super::FieldError;

/// Wrong fields that are named.
pub(crate) const MOST_ERRORS: usize = 20;

/// In bytes.
const LONGEST_DETAIL: usize = 512;
const LONGEST_FIELD: usize = 64;
const LONGEST_MESSAGE: usize = 160;

pub(super) fn detail(text: String) -> String {
    cut(text, LONGEST_DETAIL)
}

/// The first of them; the last says how many more there are, those included that are counted only.
pub(super) fn errors(mut errors: Vec<FieldError>, more: usize) -> Vec<FieldError> {
    let more = errors.len().saturating_sub(MOST_ERRORS) + more;
    errors.truncate(MOST_ERRORS);
    for error in &mut errors {
        error.field = cut(std::mem::take(&mut error.field), LONGEST_FIELD);
        error.message = cut(std::mem::take(&mut error.message), LONGEST_MESSAGE);
    }
    if more > 0 {
        errors.push(FieldError {
            field: String::new(),
            message: format!("{more} more are wrong"),
        });
    }
    errors
}

fn cut(mut text: String, longest: usize) -> String {
    const CUT: &str = "…";
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest - CUT.len()));
        text.push_str(CUT);
    }
    text
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use crate::{Code, FieldError, Problem};

    fn wrong(count: usize, text: &str) -> Problem {
        let errors = (0..count).map(|index| FieldError {
            field: format!("scopes[{index}]{text}"),
            message: text.to_owned(),
        });
        Problem::invalid(errors.collect())
    }

    #[test]
    fn twenty_wrong_fields_are_named_and_the_others_are_counted() {
        for (count, named) in [(1, 1), (20, 20), (21, 21), (200, 21), (100_000, 21)] {
            let problem = wrong(count, "read, write or admin");
            assert_eq!(problem.errors.len(), named, "{count}");
            let last = problem.errors.last().expect("a field");
            let counted = last.message.strip_suffix(" more are wrong");
            let more = count.checked_sub(20).filter(|more| *more > 0);
            assert_eq!(counted.map(|number| number.parse()), more.map(Ok));
        }
    }

    #[test]
    fn the_longest_problem_fits_into_the_headers_of_a_client() {
        const HEADER_LIST: usize = 16 * 1024;
        for text in ["x", "\0", "é", "\u{1f600}"] {
            let long = text.repeat(10_000);
            let mut problem = wrong(1000, &long);
            problem.detail = Problem::new(Code::Invalid, long).detail;
            assert!(problem.detail.len() <= 512);
            let status = Status::from(problem.clone());
            let headers = status.into_http::<()>().headers().clone();
            let size = |name: &http::HeaderName, value: &http::HeaderValue| {
                name.as_str().len() + value.len() + 32
            };
            let sizes = headers.iter().map(|(name, value)| size(name, value));
            let size: usize = sizes.sum();
            // Room for what else is there: limits, cookies of a proxy.
            assert!(size < HEADER_LIST - 4096, "{size}");
            assert_eq!(Problem::from(Status::from(problem.clone())), problem);
        }
    }
}
