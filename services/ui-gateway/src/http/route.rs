//! A path with its methods: for each who may call it, and by the types of its handler's arguments what it
//! takes. What is declared here is what is enforced, and what the OpenAPI document is made from.

mod admission;

use actix_web::{
    Handler, Resource, Responder, Route,
    guard::{self, Guard},
    http::Method,
    web,
};

use self::admission::Admission;
use super::{
    Failure,
    argument::{Arguments, ByCaller},
    reply::Answer,
};
use crate::contract::Declared;

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

/// What the document says of a method.
#[derive(Clone, Copy, Debug)]
pub(super) struct OperationDoc {
    pub(super) access: Access,
    /// One line.
    pub(super) summary: &'static str,
    pub(super) body: Option<BodyDoc>,
    /// The parameters of the URL.
    pub(super) query: Option<Declared>,
    /// Whether it takes `If-Match`.
    pub(super) if_match: bool,
    /// Whether it takes `Idempotency-Key`.
    pub(super) idempotency_key: bool,
    /// The statuses of success; empty: that of the method.
    pub(super) answers: &'static [u16],
    /// The gRPC methods that do the same: it lets in whom they all let in, which a test compares.
    pub(super) grpc: &'static [&'static str],
}

/// What the document says of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyDoc {
    /// The media types that are taken.
    pub(super) types: &'static [&'static str],
    /// Whether there has to be one.
    pub(super) required: bool,
    /// What it holds; `None`: JSON that the service behind reads.
    pub(super) declared: Option<Declared>,
}

impl OperationDoc {
    /// The types that the request is read by.
    pub(super) fn declared(&self) -> impl Iterator<Item = Declared> {
        let body = self.body.and_then(|body| body.declared);
        body.into_iter().chain(self.query)
    }
}

/// A handler with who may call it and what the document says of it.
pub(super) struct Operation {
    route: Route,
    doc: OperationDoc,
}

/// A route for everybody.
pub(super) fn anyone<F, Args>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args>,
    Args: Arguments,
    F::Output: Responder + 'static,
{
    Operation::new::<Args>(Access::Anyone, summary, Route::new().to(handler))
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
    Operation::new::<Args>(access, summary, Route::new().to(admission))
}

impl Operation {
    fn new<Args: Arguments>(access: Access, summary: &'static str, route: Route) -> Self {
        let mut doc = OperationDoc {
            access,
            summary,
            body: None,
            query: None,
            if_match: false,
            idempotency_key: false,
            answers: &[],
            grpc: &[],
        };
        Args::describe(&mut doc);
        Self { route, doc }
    }

    /// Tells its statuses of success, where they are not what its method has by itself.
    pub(super) fn answers(mut self, statuses: &'static [u16]) -> Self {
        self.doc.answers = statuses;
        self
    }

    /// Names the gRPC methods that do the same.
    pub(super) fn grpc(mut self, methods: &'static [&'static str]) -> Self {
        self.doc.grpc = methods;
        self
    }
}

/// A path whose methods are added one by one.
pub(super) struct Path {
    pattern: &'static str,
    resource: Resource,
    operations: Vec<(Method, OperationDoc)>,
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
    pub(super) fn operations(&self) -> &[(Method, OperationDoc)] {
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
        operations.push((method, operation.doc));
        Self {
            resource: self.resource.route(operation.route.guard(guard)),
            operations,
            ..self
        }
    }
}
