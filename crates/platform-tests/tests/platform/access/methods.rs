//! The gRPC methods, as the contracts declare them.

use prost_reflect::{DescriptorPool, MethodDescriptor, Value};

use super::who::Access;

/// One method of one service.
pub(super) struct Method {
    /// `auth-service`
    pub(super) service: &'static str,
    pub(super) name: String,
    /// `/devmentor.auth.v1.AuthService/Login`
    pub(super) path: String,
    pub(super) access: Access,
    /// Where it can also be asked about other people.
    pub(super) to_others: Option<Access>,
}

/// Every method of the contracts.
pub(super) fn all() -> Vec<Method> {
    let pool = DescriptorPool::decode(rpc::DESCRIPTORS).expect("descriptors");
    let services: Vec<_> = pool.services().collect();
    let methods = services.iter().flat_map(|service| service.methods());
    methods.map(|method| Method::new(&pool, &method)).collect()
}

impl Method {
    fn new(pool: &DescriptorPool, method: &MethodDescriptor) -> Self {
        let service = method.parent_service().full_name().to_owned();
        let access = option(pool, method, "devmentor.access");
        Self {
            service: process(&service),
            name: method.name().to_owned(),
            path: format!("/{service}/{}", method.name()),
            access: access.unwrap_or_else(|| panic!("{} has no access", method.full_name())),
            to_others: option(pool, method, "devmentor.access_to_others"),
        }
    }
}

fn option(pool: &DescriptorPool, method: &MethodDescriptor, name: &str) -> Option<Access> {
    let extension = pool.get_extension_by_name(name).expect("an option");
    let options = method.options();
    let Value::EnumNumber(number) = *options.get_extension(&extension) else {
        panic!("{name} is no enum");
    };
    let values = pool.get_enum_by_name("devmentor.Access").expect("an enum");
    let value = values.get_value(number).expect("a value");
    Access::from_option(value.name())
}

fn process(service: &str) -> &'static str {
    match service {
        "devmentor.ai.v1.AiService" => "ai-gateway",
        "devmentor.auth.v1.AuthService" => "auth-service",
        "devmentor.learning.v1.LearningService" => "learning-consumer",
        "devmentor.project.v1.ProjectService" => "project-service",
        other => panic!("say here which process serves {other}"),
    }
}
