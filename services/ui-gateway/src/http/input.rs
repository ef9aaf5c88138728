//! What a handler reads of a request, as arguments: each says by its type what is read, and reads it when the
//! handler asks. So nothing of a body is looked at before it is known who sends it.

use std::{convert::Infallible, future::Ready, marker::PhantomData};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use service_kit::Problem;

use super::{
    argument::Argument,
    call::Call,
    route::{BodyDoc, OperationDoc},
    upload::Upload,
};
use crate::contract::{Declared, read_json, read_query};

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A JSON object.
pub(super) struct Json<T>(PhantomData<T>);

/// A JSON merge patch, RFC 7396.
pub(super) struct MergePatch<T>(PhantomData<T>);

/// No body, or an empty object.
pub(super) struct NoFields(());

/// JSON that a service reads, too large to hold.
pub(super) struct Archive(());

/// The parameters of the URL.
pub(super) struct Query<T>(PhantomData<T>);

impl<T: DeserializeOwned + 'static> Json<T> {
    /// Reads the body.
    pub(super) async fn read(self, call: &mut Call) -> Result<T, Problem> {
        call.json(&[JSON]).await
    }
}

impl<T: DeserializeOwned + 'static> MergePatch<T> {
    /// Reads the body.
    pub(super) async fn read(self, call: &mut Call) -> Result<T, Problem> {
        call.json(&[MERGE_PATCH, JSON]).await
    }
}

/// An object without fields.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({}))]
struct Nothing {}

impl NoFields {
    /// Reads the body.
    pub(super) async fn read(self, call: &mut Call) -> Result<(), Problem> {
        let body = call.body().await?;
        if body.is_empty() {
            return Ok(());
        }
        call.require_type(&[JSON])?;
        read_json(call.state.shapes.of::<Nothing>()?, &body).map(|Nothing {}| ())
    }
}

impl Archive {
    /// The body in pieces, of at most so many bytes.
    pub(super) fn pieces(self, call: Call, largest: usize) -> Result<Upload, Problem> {
        call.require_type(&[JSON])?;
        call.upload(largest)
    }
}

impl<T: DeserializeOwned + 'static> Query<T> {
    /// Reads the parameters.
    pub(super) fn read(self, call: &Call) -> Result<T, Problem> {
        read_query(call.state.shapes.of::<T>()?, call.request.query_string())
    }
}

impl<T: JsonSchema + 'static> Argument for Json<T> {
    fn describe(doc: &mut OperationDoc) {
        doc.body = Some(BodyDoc {
            types: &[JSON],
            required: true,
            declared: Some(Declared::by::<T>()),
        });
    }
}

impl<T: JsonSchema + 'static> Argument for MergePatch<T> {
    fn describe(doc: &mut OperationDoc) {
        doc.body = Some(BodyDoc {
            types: &[MERGE_PATCH, JSON],
            required: true,
            declared: Some(Declared::by::<T>()),
        });
    }
}

impl Argument for NoFields {
    fn describe(doc: &mut OperationDoc) {
        doc.body = Some(BodyDoc {
            types: &[JSON],
            required: false,
            declared: Some(Declared::by::<Nothing>()),
        });
    }
}

impl Argument for Archive {
    fn describe(doc: &mut OperationDoc) {
        doc.body = Some(BodyDoc {
            types: &[JSON],
            required: true,
            declared: None,
        });
    }
}

impl<T: JsonSchema + 'static> Argument for Query<T> {
    fn describe(doc: &mut OperationDoc) {
        doc.query = Some(Declared::by::<T>());
    }
}

macro_rules! at_once {
    ($([$($of:ident)?] $name:ty, $made:expr;)+) => {$(
        impl$(<$of: 'static>)? FromRequest for $name {
            type Error = Infallible;
            type Future = Ready<Result<Self, Infallible>>;

            fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
                std::future::ready(Ok($made))
            }
        }
    )+};
}

at_once! {
    [T] Json<T>, Self(PhantomData);
    [T] MergePatch<T>, Self(PhantomData);
    [T] Query<T>, Self(PhantomData);
    [] NoFields, Self(());
    [] Archive, Self(());
}
