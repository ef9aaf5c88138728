//! A path with its methods, and for each who may call it. What is declared here is enforced here and
//! told in the OpenAPI document, so that the two cannot part.

mod admission;

use actix_web::{
    FromRequest, Handler, Resource, Responder, Route,
    guard::{self, Guard},
    http::Method,
    web,
};

use self::admission::{Admission, ByCaller};
use super::{Failure, reply::Answer};

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// No credential is looked at.
    Anyone,
    /// A session, or a machine token: with scope `read` for safe methods, else `write`.
    SignedIn,
    /// A session, or a machine token with both scopes, whatever the method.
    ReadAndWrite,
    /// A session; no machine token.
    Person,
    /// The role admin; a machine token also needs scope `admin`.
    Admin,
    /// A session with the role admin; no machine token.
    AdminInPerson,
}

/// The body a method takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// None, or an empty object.
    Nothing,
    /// An object with these fields, each written as [`super::openapi`] reads it: `title`, `due_on?:text|null`.
    Fields(&'static [&'static str]),
    /// JSON that the service behind reads.
    Json,
}

/// What the document tells of a method.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) access: Access,
    /// One line.
    pub(super) summary: &'static str,
    pub(super) takes: Takes,
    /// Parameters of the URL.
    pub(super) asks: &'static [&'static str],
    /// The statuses of success; empty: that of the method.
    pub(super) answers: &'static [u16],
    /// The gRPC methods that do the same: it lets in whom they all let in, which a test compares.
    pub(super) grpc: &'static [&'static str],
}

/// A handler with who may call it and what is told of it.
pub(super) struct Operation {
    route: Route,
    told: Told,
}

/// A route for everybody.
pub(super) fn anyone<F, Args>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Operation::new(Access::Anyone, summary, Route::new().to(handler))
}

/// A route for people and machine tokens.
pub(super) fn signed_in<F, Args>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer>,
    Args: ByCaller,
{
    admitting(Access::SignedIn, summary, handler)
}

/// A route for people, and machine tokens that may read and write.
pub(super) fn read_and_write<F, Args>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer>,
    Args: ByCaller,
{
    admitting(Access::ReadAndWrite, summary, handler)
}

/// A route for people.
pub(super) fn person<F, Args>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer>,
    Args: ByCaller,
{
    admitting(Access::Person, summary, handler)
}

/// A route for admins.
pub(super) fn admin<F, Args>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer>,
    Args: ByCaller,
{
    admitting(Access::Admin, summary, handler)
}

/// A route for admins, which no machine token takes.
pub(super) fn admin_in_person<F, Args>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer>,
    Args: ByCaller,
{
    admitting(Access::AdminInPerson, summary, handler)
}

fn admitting<F, Args>(access: Access, summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer>,
    Args: ByCaller,
{
    let admission = Admission::new(access, handler);
    Operation::new(access, summary, Route::new().to(admission))
}

impl Operation {
    fn new(access: Access, summary: &'static str, route: Route) -> Self {
        let told = Told {
            access,
            summary,
            takes: Takes::Nothing,
            asks: &[],
            answers: &[],
            grpc: &[],
        };
        Self { route, told }
    }

    /// Names the fields of its body.
    pub(super) fn takes(mut self, fields: &'static [&'static str]) -> Self {
        self.told.takes = Takes::Fields(fields);
        self
    }

    /// Says that its body is JSON.
    pub(super) fn takes_json(mut self) -> Self {
        self.told.takes = Takes::Json;
        self
    }

    /// Names its parameters.
    pub(super) fn asks(mut self, parameters: &'static [&'static str]) -> Self {
        self.told.asks = parameters;
        self
    }

    /// Tells its statuses of success, where they are not what its method has by itself.
    pub(super) fn answers(mut self, statuses: &'static [u16]) -> Self {
        self.told.answers = statuses;
        self
    }

    /// Names the gRPC methods that do the same.
    pub(super) fn grpc(mut self, methods: &'static [&'static str]) -> Self {
        self.told.grpc = methods;
        self
    }
}

/// A path whose methods are added one by one.
pub(super) struct Path {
    pattern: &'static str,
    resource: Resource,
    operations: Vec<(Method, Told)>,
}

/// A path without methods.
pub(super) fn path(pattern: &'static str) -> Path {
    Path {
        pattern,
        resource: web::resource(pattern),
        operations: Vec::new(),
    }
}

impl Path {
    /// GET, and HEAD with the same head.
    pub(super) fn get(self, operation: Operation) -> Self {
        let either = guard::Any(guard::Get()).or(guard::Head());
        self.on(Method::GET, either, operation)
    }

    /// POST.
    pub(super) fn post(self, operation: Operation) -> Self {
        self.on(Method::POST, guard::Post(), operation)
    }

    /// PATCH.
    pub(super) fn patch(self, operation: Operation) -> Self {
        self.on(Method::PATCH, guard::Patch(), operation)
    }

    /// DELETE.
    pub(super) fn delete(self, operation: Operation) -> Self {
        self.on(Method::DELETE, guard::Delete(), operation)
    }

    /// Its pattern, such as `/api/tasks/{id}`.
    pub(super) fn pattern(&self) -> &'static str {
        self.pattern
    }

    /// Its methods.
    pub(super) fn operations(&self) -> &[(Method, Told)] {
        &self.operations
    }

    /// The path as a service; any other method is answered with those it has.
    pub(super) fn done(self) -> Resource {
        let allow = self.allow();
        self.resource.default_service(web::to(move || {
            let failure = Failure::method_not_allowed(&allow);
            async move { Err::<&str, _>(failure) }
        }))
    }

    fn allow(&self) -> String {
        let methods = self.operations.iter().map(|(method, _)| match *method {
            Method::GET => "GET, HEAD",
            ref other => other.as_str(),
        });
        methods.collect::<Vec<_>>().join(", ")
    }

    fn on(self, method: Method, guard: impl Guard + 'static, operation: Operation) -> Self {
        let mut operations = self.operations;
        operations.push((method, operation.told));
        Self {
            resource: self.resource.route(operation.route.guard(guard)),
            operations,
            ..self
        }
    }
}
