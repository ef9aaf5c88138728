//! What callers of the services rely on, line by line, so that it can be compared with what they relied on
//! at a release.

use prost::{DecodeError, Message};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto, field_descriptor_proto::Label,
};

use crate::DESCRIPTORS;

/// Every method, field and value, sorted: `rpc devmentor.ai.v1.AiService.Chat (...) -> stream ...`,
/// `field devmentor.ai.v1.ChatRequest 2 message string`.
pub fn outline() -> Result<Vec<String>, DecodeError> {
    let files = FileDescriptorSet::decode(DESCRIPTORS)?.file;
    let mut lines = Vec::new();
    for file in files.iter().filter(|file| is_ours(file.package())) {
        let package = file.package();
        let services = file.service.iter();
        lines.extend(services.flat_map(|service| methods(package, service)));
        lines.extend(file.enum_type.iter().flat_map(|of| values(package, of)));
        for message in &file.message_type {
            add_message(&mut lines, package, message);
        }
    }
    lines.sort();
    Ok(lines)
}

fn is_ours(package: &str) -> bool {
    package.starts_with("devmentor.")
}

fn methods(package: &str, service: &ServiceDescriptorProto) -> Vec<String> {
    let stream = |is_stream| if is_stream { "stream " } else { "" };
    let methods = service.method.iter().map(|method| {
        format!(
            "rpc {package}.{}.{} {}{} -> {}{}",
            service.name(),
            method.name(),
            stream(method.client_streaming()),
            method.input_type(),
            stream(method.server_streaming()),
            method.output_type()
        )
    });
    methods.collect()
}

fn values(scope: &str, of: &EnumDescriptorProto) -> Vec<String> {
    let values = of.value.iter();
    let values = values.map(|value| {
        format!(
            "value {scope}.{} {} {}",
            of.name(),
            value.number(),
            value.name()
        )
    });
    values.collect()
}

fn add_message(lines: &mut Vec<String>, scope: &str, message: &DescriptorProto) {
    let name = format!("{scope}.{}", message.name());
    let fields = message.field.iter();
    lines.extend(fields.map(|field| field_line(&name, field)));
    lines.extend(message.enum_type.iter().flat_map(|of| values(&name, of)));
    for nested in &message.nested_type {
        add_message(lines, &name, nested);
    }
}

fn field_line(message: &str, field: &FieldDescriptorProto) -> String {
    let kind = match field.type_name() {
        "" => {
            let kind = field.r#type().as_str_name();
            kind.trim_start_matches("TYPE_").to_lowercase()
        }
        named => named.to_owned(),
    };
    // Present or not is part of the meaning; one of several is, for a reader, an optional one.
    let label = match field.label() {
        Label::Repeated => "repeated ",
        _ if field.proto3_optional() => "optional ",
        _ => "",
    };
    format!(
        "field {message} {} {} {label}{kind}",
        field.number(),
        field.name()
    )
}
