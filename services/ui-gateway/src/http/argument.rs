//! What a handler takes, by the types of its arguments: the document is made from these.

use actix_web::{
    FromRequest, HttpRequest,
    web::{Data, Payload},
};

use super::{Signed, call::Call, route::OperationDoc};
use crate::State;

/// An argument of a handler.
pub(super) trait Argument: FromRequest + 'static {
    /// Writes down what it reads of a request, where the document says so.
    fn describe(_: &mut OperationDoc) {}
}

impl Argument for Signed {}
impl Argument for Call {}
impl Argument for HttpRequest {}
impl Argument for Payload {}
impl Argument for Data<State> {}

/// All arguments of a handler.
pub(super) trait Arguments: FromRequest + 'static {
    /// Writes down what they read of a request.
    fn describe(doc: &mut OperationDoc);
}

/// Arguments that say first who calls.
pub(super) trait ByCaller: Arguments {
    /// Who calls.
    fn caller(&self) -> &Signed;
}

macro_rules! arguments {
    ($(($($one:ident),*))+) => {$(
        impl<$($one: Argument),*> Arguments for ($($one,)*)
        where
            Self: FromRequest,
        {
            fn describe(_doc: &mut OperationDoc) {
                $($one::describe(_doc);)*
            }
        }

        impl<$($one: Argument),*> ByCaller for (Signed, $($one,)*)
        where
            Self: Arguments,
        {
            fn caller(&self) -> &Signed {
                &self.0
            }
        }
    )+};
}

arguments! { () (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) }
