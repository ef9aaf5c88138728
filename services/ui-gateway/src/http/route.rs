//! A path with its methods: for each who may call it, and by the types of its handler's arguments what it
//! takes. What is declared here is what is enforced, and what the OpenAPI document is made from.

mod admission;
mod doc;

use actix_web::{
    Handler, Resource, Route,
    guard::{self, Guard},
    http::Method,
    web,
};
use service_kit::Code;

use self::admission::{Admission, Replying};
pub(super) use self::doc::{BodyDoc, OperationDoc};
use super::{
    Failure,
    argument::{Arguments, ByCaller},
    reply::{Answer, Reply},
};

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

/// A handler with who may call it and what the document says of it.
pub(super) struct Operation {
    route: Route,
    doc: OperationDoc,
}

/// A route for everybody.
pub(super) fn anyone<F, Args, R>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer<R>>,
    Args: Arguments,
    R: Reply + 'static,
{
    let route = Route::new().to(Replying::new(handler));
    Operation::new::<F, Args, R>(Access::Anyone, summary, route)
}

/// A route for people and machine tokens.
pub(super) fn signed_in<F, Args, R>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer<R>>,
    Args: ByCaller,
    R: Reply + 'static,
{
    admitting(Access::SignedIn, summary, handler)
}

/// A route for people, and machine tokens that may read and write.
pub(super) fn read_and_write<F, Args, R>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer<R>>,
    Args: ByCaller,
    R: Reply + 'static,
{
    admitting(Access::ReadAndWrite, summary, handler)
}

/// A route for people.
pub(super) fn person<F, Args, R>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer<R>>,
    Args: ByCaller,
    R: Reply + 'static,
{
    admitting(Access::Person, summary, handler)
}

/// A route for admins.
pub(super) fn admin<F, Args, R>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer<R>>,
    Args: ByCaller,
    R: Reply + 'static,
{
    admitting(Access::Admin, summary, handler)
}

/// A route for admins, which no machine token takes.
pub(super) fn admin_in_person<F, Args, R>(summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer<R>>,
    Args: ByCaller,
    R: Reply + 'static,
{
    admitting(Access::AdminInPerson, summary, handler)
}

fn admitting<F, Args, R>(access: Access, summary: &'static str, handler: F) -> Operation
where
    F: Handler<Args, Output = Answer<R>>,
    Args: ByCaller,
    R: Reply + 'static,
{
    let admission = Admission::new(access, handler);
    Operation::new::<F, Args, R>(access, summary, Route::new().to(admission))
}

impl Operation {
    fn new<F, Args: Arguments, R: Reply>(
        access: Access,
        summary: &'static str,
        route: Route,
    ) -> Self {
        let handler = std::any::type_name::<F>();
        let mut doc = OperationDoc {
            access,
            handler,
            summary,
            body: None,
            query: None,
            if_match: false,
            idempotency_key: false,
            responses: R::responses,
            problems: &[],
            grpc: &[],
        };
        Args::describe(&mut doc);
        Self { route, doc }
    }

    /// Names what can go wrong beside what can with every route like it.
    pub(super) fn problems(mut self, codes: &'static [Code]) -> Self {
        self.doc.problems = codes;
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
