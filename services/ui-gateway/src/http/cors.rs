//! Pages of other origins that the settings name: they may call the API with a Bearer token, and
//! never with cookies.

use actix_web::{
    HttpResponse,
    dev::ServiceRequest,
    http::{
        Method,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
            ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
        },
    },
    web::Data,
};

use crate::{State, client::Site};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE");

const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, x-request-id, traceparent",
);

const ANSWER_HEADERS: HeaderValue = HeaderValue::from_static(
    "etag, location, retry-after, ratelimit, ratelimit-policy, idempotent-replayed, x-request-id",
);

/// How long a browser may remember the answer to its question, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// What a request's answer says to a page of another origin.
pub(super) struct Cors {
    allowed: Option<HeaderValue>,
    asks: bool,
}

impl Cors {
    /// `None` where no other origin may call what is asked for.
    pub(super) fn of(request: &ServiceRequest) -> Option<Self> {
        let site = &request.app_data::<Data<State>>()?.site;
        let is_api = request.path().starts_with("/api/");
        (is_api && site.has_allowed_origins()).then(|| Self::new(site, request))
    }

    fn new(site: &Site, request: &ServiceRequest) -> Self {
        let headers = request.headers();
        Self {
            allowed: site.allowed_origin(headers).cloned(),
            asks: request.method() == Method::OPTIONS
                && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
        }
    }

    /// The answer to a browser that asks before it sends what a page wants.
    pub(super) fn preflight(&self) -> Option<HttpResponse> {
        let allowed = self.allowed.as_ref().filter(|_| self.asks)?;
        let mut answer = HttpResponse::NoContent();
        answer
            .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, allowed))
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
            .insert_header((ACCESS_CONTROL_MAX_AGE, REMEMBERED));
        Some(answer.finish())
    }

    /// Lets the page read the answer.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        headers.append(VARY, HeaderValue::from(ORIGIN));
        if let Some(allowed) = &self.allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
        }
    }
}
