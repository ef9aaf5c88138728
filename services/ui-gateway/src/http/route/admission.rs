//! Lets in who may call a handler, before it runs.

use std::future::{Ready, ready};

use actix_web::Handler;
use futures_util::future::Either;
use redis_contracts::keys::Scope;
use service_kit::{Problem, identity::ADMIN};

use super::Access;
use crate::http::{Signed, argument::ByCaller, reply::Answer};

/// A handler behind its access.
#[derive(Clone)]
pub(super) struct Admission<F> {
    access: Access,
    handler: F,
}

impl<F> Admission<F> {
    pub(super) const fn new(access: Access, handler: F) -> Self {
        Self { access, handler }
    }
}

impl<F, Args> Handler<Args> for Admission<F>
where
    F: Handler<Args, Output = Answer>,
    Args: ByCaller,
{
    type Output = Answer;
    type Future = Either<F::Future, Ready<Answer>>;

    fn call(&self, args: Args) -> Self::Future {
        match admit(self.access, args.caller()) {
            Ok(()) => Either::Left(self.handler.call(args)),
            Err(problem) => Either::Right(ready(Err(problem.into()))),
        }
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
