//! What a service tells of itself.

use std::collections::BTreeMap;

use prost_reflect::{
    DescriptorPool, ServiceDescriptor, prost::Message, prost_types::FileDescriptorProto,
};
use rpc::tonic::{Status, transport::Channel};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

/// The reflection of one server.
pub(super) struct Reflection {
    client: ServerReflectionClient<Channel>,
}

impl Reflection {
    pub(super) fn new(channel: Channel) -> Self {
        let client = ServerReflectionClient::new(channel);
        Self { client }
    }

    /// The names of its services.
    pub(super) async fn services(&mut self) -> Result<Vec<String>, Status> {
        match self
            .ask(MessageRequest::ListServices(String::new()))
            .await?
        {
            MessageResponse::ListServicesResponse(list) => Ok(list
                .service
                .into_iter()
                .map(|service| service.name)
                .collect()),
            other => Err(Status::internal(format!("{other:?}"))),
        }
    }

    /// A service with all its types.
    pub(super) async fn service(&mut self, name: &str) -> Result<ServiceDescriptor, Status> {
        let mut files = BTreeMap::new();
        let mut wanted = vec![MessageRequest::FileContainingSymbol(name.to_owned())];
        while let Some(request) = wanted.pop() {
            for file in self.files(request).await? {
                let imports = file
                    .dependency
                    .iter()
                    .filter(|import| !files.contains_key(*import));
                wanted.extend(imports.cloned().map(MessageRequest::FileByFilename));
                files.insert(file.name().to_owned(), file);
            }
        }
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_protos(files.into_values())
            .map_err(|error| Status::internal(error.to_string()))?;
        pool.get_service_by_name(name)
            .ok_or_else(|| Status::not_found(name.to_owned()))
    }

    async fn files(&mut self, request: MessageRequest) -> Result<Vec<FileDescriptorProto>, Status> {
        match self.ask(request).await? {
            MessageResponse::FileDescriptorResponse(answer) => {
                let files = answer.file_descriptor_proto.iter();
                let files = files.map(|bytes| FileDescriptorProto::decode(&bytes[..]));
                files
                    .collect::<Result<_, _>>()
                    .map_err(|error| Status::internal(error.to_string()))
            }
            other => Err(Status::internal(format!("{other:?}"))),
        }
    }

    async fn ask(&mut self, request: MessageRequest) -> Result<MessageResponse, Status> {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(request),
        };
        let asked = futures_util::stream::iter([request]);
        let mut answers = self
            .client
            .server_reflection_info(asked)
            .await?
            .into_inner();
        let answer = answers
            .message()
            .await?
            .and_then(|answer| answer.message_response);
        answer.ok_or_else(|| Status::internal("no answer"))
    }
}
