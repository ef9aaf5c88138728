//! Around every answer: the request's id, a problem document for each error, headers that keep
//! browsers from guessing, and a line in the metrics.

use std::{rc::Rc, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
            STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    web::Data,
};
use rpc::metadata::{REQUEST_ID, TRACEPARENT};
use service_kit::RequestContext;
use tracing::Instrument;

use super::{
    answers,
    cors::Cors,
    failure::{Document, Failure, foreign},
};
use crate::{State, connections, limits, metrics};

const X_REQUEST_ID: HeaderName = HeaderName::from_static(REQUEST_ID);
/// Behind TLS: never again without, for a year. Other hosts of the domain are not ours to bind.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// What is no page of ours runs nothing and is framed by nobody.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const NO_FRAME: HeaderValue = HeaderValue::from_static("DENY");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What a request carries through its handlers.
pub(super) type SharedContext = Rc<RequestContext>;

/// The middleware around all routes.
pub(crate) async fn envelope(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    connections::begin(request.request());
    let context = Rc::new(context_of(&request));
    request
        .extensions_mut()
        .insert::<SharedContext>(Rc::clone(&context));
    let drain = request
        .app_data::<Data<State>>()
        .map(|state| state.drain.clone());
    let open = drain.as_ref().map(|drain| drain.enter(request.request()));
    let span = tracing::info_span!("http", request.id = context.request_id);
    let cors = Cors::of(&request);
    let admitted = connections::admit(request.request()).await;
    let is_stopping = drain.is_some_and(|drain| drain.is_stopping());
    let preflight = cors.as_ref().and_then(Cors::preflight);
    let answered = match (admitted, preflight) {
        (Err(problem), _) => request.error_response(Failure::from(problem)),
        (Ok(()), Some(answer)) => request.into_response(answer),
        (Ok(()), None) => {
            let answered = next.call(request).instrument(span.clone()).await?;
            answered.map_into_boxed_body()
        }
    };
    let answered = answers::deliver(answered);
    let mut answered = span.in_scope(|| with_document(answered, &context));
    let closes = is_stopping || connections::is_refused(answered.request());
    let head = answered.response_mut().head_mut();
    if closes && !head.upgrade() {
        head.set_connection_type(ConnectionType::Close);
    }
    set_headers(&mut answered, &context);
    if let Some(cors) = cors {
        cors.write(answered.headers_mut());
    }
    span.in_scope(|| count(&answered, began));
    drop(open);
    Ok(answered)
}

fn context_of(request: &ServiceRequest) -> RequestContext {
    let text = |name| request.headers().get(name)?.to_str().ok();
    RequestContext::from_headers(text(REQUEST_ID), text(TRACEPARENT))
}

/// Writes the problem document of an error.
fn with_document(
    answered: ServiceResponse<BoxBody>,
    context: &RequestContext,
) -> ServiceResponse<BoxBody> {
    let Some(error) = answered.response().error() else {
        return answered;
    };
    let body = match error.as_error::<Failure>() {
        Some(failure) => document(failure.problem(), context),
        None => {
            tracing::debug!(error = %error, "refused by the framework");
            document(&foreign(answered.status()), context)
        }
    };
    let (request, response) = answered.into_parts();
    let mut written = HttpResponse::build(response.status());
    for (name, value) in response.headers() {
        written.append_header((name, value));
    }
    written.insert_header((CONTENT_TYPE, PROBLEM));
    ServiceResponse::new(request, written.body(body))
}

fn document(problem: &service_kit::Problem, context: &RequestContext) -> Vec<u8> {
    // Texts and numbers can always be written.
    serde_json::to_vec(&Document::new(problem, &context.request_id)).unwrap_or_default()
}

fn set_headers(answered: &mut ServiceResponse<BoxBody>, context: &RequestContext) {
    let is_api = answered.request().path().starts_with("/api");
    let state = answered.request().app_data::<Data<State>>();
    let is_secure = state.is_some_and(|state| state.site.is_secure());
    let limits = state.and_then(|state| limits::told(answered.request(), &state.limits));
    let headers = answered.headers_mut();
    if let Some(limits) = limits {
        limits.write(headers);
    }
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, NO_PAGE);
        headers.insert(X_FRAME_OPTIONS, NO_FRAME);
    }
    if is_secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    if is_api && !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

fn count(answered: &ServiceResponse<BoxBody>, began: Instant) {
    let request = answered.request();
    let route = request.match_pattern();
    let (route, status) = (route.as_deref().unwrap_or("other"), answered.status());
    let took = began.elapsed();
    metrics::count(
        known_method(request.method().as_str()),
        route,
        status.as_str(),
        took,
    );
    tracing::debug!(
        http.method = %request.method(),
        http.route = route,
        http.status = status.as_u16(),
        duration_ms = took.as_secs_f64() * 1000.0,
        "answered"
    );
}

/// Anything can be sent as a method; labels have to be few.
fn known_method(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PATCH" | "PUT" | "DELETE" | "OPTIONS" => method,
        _ => "other",
    }
}
