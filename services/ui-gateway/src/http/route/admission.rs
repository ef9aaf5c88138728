//! Lets in who may call a handler, before it runs.

use std::future::{Ready, ready};

use actix_web::{Handler, HttpResponse};
use futures_util::{
    FutureExt,
    future::{Either, Map},
};
use identity::ADMIN;
use redis_contracts::keys::Scope;
use service_kit::Problem;

use super::Access;
use crate::http::{
    Failure, Signed,
    argument::ByCaller,
    reply::{Answer, Reply},
};

/// A handler behind its access.
#[derive(Clone)]
pub(super) struct Admission<F> {
    access: Access,
    handler: Replying<F>,
}

impl<F> Admission<F> {
    pub(super) const fn new(access: Access, handler: F) -> Self {
        Self {
            access,
            handler: Replying::new(handler),
        }
    }
}

impl<F, Args, R> Handler<Args> for Admission<F>
where
    F: Handler<Args, Output = Answer<R>>,
    Args: ByCaller,
    R: Reply + 'static,
{
    type Output = Response;
    type Future = Either<Replied<F::Future, R>, Ready<Response>>;

    fn call(&self, args: Args) -> Self::Future {
        match admit(self.access, args.caller()) {
            Ok(()) => Either::Left(self.handler.call(args)),
            Err(problem) => Either::Right(ready(Err(problem.into()))),
        }
    }
}

/// A handler whose answer is sent.
#[derive(Clone)]
pub(super) struct Replying<F>(F);

impl<F> Replying<F> {
    pub(super) const fn new(handler: F) -> Self {
        Self(handler)
    }
}

type Response = Result<HttpResponse, Failure>;

type Replied<T, R> = Map<T, fn(Answer<R>) -> Response>;

impl<F, Args, R> Handler<Args> for Replying<F>
where
    F: Handler<Args, Output = Answer<R>>,
    R: Reply + 'static,
{
    type Output = Response;
    type Future = Replied<F::Future, R>;

    fn call(&self, args: Args) -> Self::Future {
        self.0.call(args).map(|answer| answer.map(R::respond))
    }
}

fn admit(access: Access, signed: &Signed) -> Result<(), Problem> {
    match access {
        Access::Anyone | Access::SignedIn => Ok(()),
        Access::ReadAndWrite => [Scope::Read, Scope::Write]
            .into_iter()
            .try_for_each(|scope| signed.caller.require(scope)),
        Access::Person => signed.require_person(),
        Access::Admin => signed.require_role(ADMIN),
        Access::AdminInPerson => signed
            .require_person()
            .and_then(|()| signed.require_role(ADMIN)),
    }
}
