//! A path with its methods; any other method is answered with those it has.

use actix_web::{
    FromRequest, Handler, Resource, Responder,
    http::Method,
    web::{self, method},
};

use super::Failure;

/// A path whose methods are added one by one.
pub(super) struct Path {
    resource: Resource,
    methods: Vec<Method>,
}

/// A path without methods.
pub(super) fn path(pattern: &str) -> Path {
    Path {
        resource: web::resource(pattern),
        methods: Vec::new(),
    }
}

impl Path {
    /// GET, and HEAD with the same head.
    pub(super) fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, handler.clone())
            .on(Method::HEAD, handler)
    }

    /// POST.
    pub(super) fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::POST, handler)
    }

    /// PATCH.
    pub(super) fn patch<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::PATCH, handler)
    }

    /// DELETE.
    pub(super) fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::DELETE, handler)
    }

    /// The path as a service.
    pub(super) fn done(self) -> Resource {
        let names: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        let allow = names.join(", ");
        self.resource.default_service(web::to(move || {
            let failure = Failure::method_not_allowed(&allow);
            async move { Err::<&str, _>(failure) }
        }))
    }

    fn on<F, Args>(self, verb: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let mut methods = self.methods;
        methods.push(verb.clone());
        Self {
            resource: self.resource.route(method(verb).to(handler)),
            methods,
        }
    }
}
