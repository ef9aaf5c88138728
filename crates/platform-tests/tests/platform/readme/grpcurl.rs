//! A line of grpcurl, and the call it makes.

use prost_reflect::{DynamicMessage, MethodDescriptor, prost::Message};
use rpc::tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataKey,
    transport::Channel,
};

use super::reflection::Reflection;

/// What a line asks for.
#[derive(Debug, Default)]
pub(super) struct Call {
    address: String,
    headers: Vec<(String, String)>,
    data: Option<String>,
    /// `list`, a service, or a method.
    words: Vec<String>,
}

impl Call {
    /// Reads the words after `grpcurl`.
    pub(super) fn parse<'a>(mut words: impl Iterator<Item = &'a str>) -> Self {
        let mut call = Self::default();
        while let Some(word) = words.next() {
            match word {
                "-plaintext" => {}
                "-d" => call.data = words.next().map(str::to_owned),
                "-H" => {
                    let header = words.next().and_then(|header| header.split_once(": "));
                    let (name, value) = header.expect("a header");
                    call.headers.push((name.to_owned(), value.to_owned()));
                }
                flag if flag.starts_with('-') => panic!("the README uses {flag}; teach it here"),
                address if call.address.is_empty() => address.clone_into(&mut call.address),
                word => call.words.push(word.to_owned()),
            }
        }
        call
    }

    /// Makes the call; gives what grpcurl would print.
    pub(super) async fn make(&self) -> Result<String, Status> {
        let channel = rpc::connect(&format!("http://{}", self.address), None).expect("an address");
        let mut reflection = Reflection::new(channel.clone());
        let words: Vec<_> = self.words.iter().map(String::as_str).collect();
        match words[..] {
            ["list"] => Ok(reflection.services().await?.join("\n")),
            ["list", service] => {
                let service = reflection.service(service).await?;
                let methods: Vec<_> = service
                    .methods()
                    .map(|method| method.full_name().to_owned())
                    .collect();
                Ok(methods.join("\n"))
            }
            [path] => {
                let (service, method) = path.split_once('/').expect("service/method");
                let service = reflection.service(service).await?;
                let method = service.methods().find(|known| known.name() == method);
                self.unary(channel, method.expect("a method")).await
            }
            _ => panic!("{self:?}"),
        }
    }

    async fn unary(&self, channel: Channel, method: MethodDescriptor) -> Result<String, Status> {
        let data = self.data.as_deref().unwrap_or("{}");
        let mut json = serde_json::Deserializer::from_str(data);
        let message =
            DynamicMessage::deserialize(method.input(), &mut json).expect("the message's JSON");
        let mut request = Request::new(message);
        for (name, value) in &self.headers {
            let name: MetadataKey<_> = name.parse().expect("a header's name");
            request
                .metadata_mut()
                .insert(name, value.parse().expect("a header's value"));
        }
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let path = path.parse().expect("a path");
        let mut client = Grpc::new(channel);
        client
            .ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let answer = client.unary(request, path, Dynamic(method)).await?;
        Ok(serde_json::to_string(answer.get_ref()).expect("JSON"))
    }
}

/// Messages whose types are known from reflection alone.
struct Dynamic(MethodDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self(self.0.clone())
    }

    fn decoder(&mut self) -> Self {
        Self(self.0.clone())
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let message = DynamicMessage::decode(self.0.output(), buffer);
        message
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}
