//! Headers that are lists.

use actix_web::{HttpRequest, http::header::HeaderName};

/// Whether a list in a header has this item.
pub(super) fn lists(request: &HttpRequest, header: &HeaderName, item: &str) -> bool {
    let values = request
        .headers()
        .get_all(header)
        .filter_map(|value| value.to_str().ok());
    let refused = |weight: &str| {
        weight
            .trim()
            .strip_prefix("q=0")
            .is_some_and(|rest| rest.trim_matches(['.', '0']).is_empty())
    };
    values.flat_map(|value| value.split(',')).any(|given| {
        let (name, weight) = given.split_once(';').unwrap_or((given, ""));
        name.trim().trim_start_matches("W/") == item && !refused(weight)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::{http::header::ACCEPT_ENCODING, test::TestRequest};

    use super::*;

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        for (header, taken) in [
            ("gzip", true),
            ("br, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
        ] {
            let request = TestRequest::get()
                .insert_header((ACCEPT_ENCODING, header))
                .to_http_request();
            assert_eq!(lists(&request, &ACCEPT_ENCODING, "gzip"), taken, "{header}");
        }
    }
}
