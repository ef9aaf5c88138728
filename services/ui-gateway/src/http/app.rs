//! The web app's page and files.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, IF_NONE_MATCH, VARY},
    },
};
use service_kit::Problem;

use super::{
    Failure,
    answers::Pieces,
    header::lists,
    reply::{Answer, Reply, ResponseDoc},
};
use crate::assets::{self, Asset};

/// The web app's own routes; all answer the same page.
pub(super) const PAGES: [&str; 15] = [
    "/",
    "/sign-in",
    "/sign-up",
    "/forgot-password",
    "/reset-password",
    "/verify-email",
    "/confirm-address",
    "/undo-address",
    "/account",
    "/account/devices",
    "/account/security",
    "/account/tokens",
    "/account/history",
    "/projects/{project_id}",
    "/projects/{project_id}/tasks/{task_id}",
];

const INDEX: &str = "/index.html";

/// Where the files are whose name changes with their content.
const HASHED: &str = "/assets/";

const PAGE_HEADERS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; \
         object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    ("referrer-policy", "same-origin"),
    // For browsers that do not know `frame-ancestors`.
    ("x-frame-options", "DENY"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>DevMentor</title>\
    <h1>The web app was not built</h1>\
    <p>This gateway was built without Node. The API works; the pages do not.</p>\
    <p>Run <code>make run</code>, or <code>npm ci &amp;&amp; npm run build</code> in \
    <code>services/ui-gateway/web</code>, and build the gateway again.</p>";

/// Anyone.
pub(super) async fn page(request: HttpRequest) -> Answer<Html> {
    Ok(Html(match assets::find(INDEX) {
        Some(index) => answer(&request, index),
        None => with_page_headers(HttpResponse::Ok())
            .content_type("text/html; charset=utf-8")
            .body(NOT_BUILT),
    }))
}

/// A page.
pub(super) struct Html(pub(super) HttpResponse);

impl Reply for Html {
    fn responses() -> Vec<ResponseDoc> {
        vec![ResponseDoc::of::<String>(200, "text/html")]
    }

    fn respond(self) -> HttpResponse {
        self.0
    }
}

/// Anyone: a file of the web app; anything else is not there.
pub(super) async fn file(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let asset = assets::find(request.path()).filter(|asset| asset.path != INDEX);
    let Some(asset) = asset else {
        return Err(Problem::not_found("page or route").into());
    };
    match *request.method() {
        Method::GET | Method::HEAD => Ok(answer(&request, asset)),
        _ => Err(Failure::method_not_allowed("GET, HEAD")),
    }
}

fn answer(request: &HttpRequest, asset: &'static Asset) -> HttpResponse {
    let fresh = if asset.path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let unchanged = lists(request, &IF_NONE_MATCH, asset.etag);
    let mut answer = with_page_headers(if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    });
    answer
        .insert_header((CACHE_CONTROL, fresh))
        .insert_header((ETAG, asset.etag))
        .insert_header((VARY, "accept-encoding"));
    if unchanged {
        return answer.finish();
    }
    answer.content_type(asset.content_type);
    match asset.gzip {
        Some(gzip) if lists(request, &ACCEPT_ENCODING, "gzip") => {
            let answer = answer.insert_header((CONTENT_ENCODING, "gzip"));
            answer.body(Pieces::shared(gzip))
        }
        _ => answer.body(Pieces::shared(asset.bytes)),
    }
}

/// The headers of every page.
pub(super) fn with_page_headers(
    mut answer: actix_web::HttpResponseBuilder,
) -> actix_web::HttpResponseBuilder {
    for header in PAGE_HEADERS {
        answer.insert_header(header);
    }
    answer
}
