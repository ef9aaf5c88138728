//! Every gRPC method, asked by everyone who could ask.

use prost_reflect::prost::Message;
use rpc::{
    auth::ListSecurityEventsRequest,
    tonic::{Request, Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel},
};
use test_kit::Platform;
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

use super::{
    cast::Cast,
    methods::{self, Method},
    who::{Access, Outcome, Who},
};

#[tokio::test]
async fn every_method_lets_in_whom_its_contract_names_and_nobody_else() {
    let platform = Platform::start().await;
    let methods = methods::all();
    assert!(methods.len() > 50, "{} methods", methods.len());
    let mut cast = Cast::on(&platform).await;
    for method in &methods {
        let channel = channel(&platform, method);
        for who in Who::ALL {
            let token = token(&mut cast, who).await;
            let code = ask(channel.clone(), method, &token, ()).await;
            check(method, method.access, who, code.as_deref());
            if let Some(access) = method.to_others {
                assert_eq!(method.name, "ListSecurityEvents", "say how it is asked");
                let of_all = ListSecurityEventsRequest {
                    all: true,
                    ..ListSecurityEventsRequest::default()
                };
                let code = ask(channel.clone(), method, &token, of_all).await;
                check(method, access, who, code.as_deref());
            }
        }
    }
}

#[track_caller]
fn check(method: &Method, access: Access, who: Who, code: Option<&str>) {
    let told = format!("{} as {who:?}: {code:?}", method.path);
    assert_ne!(code, Some("internal"), "{told}");
    match access {
        // A refresh token that is none is no credential of the caller's.
        Access::Anyone => assert_ne!(Outcome::of(code), Outcome::Forbidden, "{told}"),
        _ => assert_eq!(Outcome::of(code), access.expected(who), "{told}"),
    }
}

async fn token(cast: &mut Cast<'_>, who: Who) -> String {
    match who {
        Who::Nobody => String::new(),
        _ => cast.member(who).await.token,
    }
}

fn channel(platform: &Platform, method: &Method) -> Channel {
    let address = format!("http://127.0.0.1:{}", platform.grpc_port(method.service));
    rpc::connect(&address, Some(rpc::DEADLINE)).expect("an address")
}

/// The code of the problem that a method answers. On the wire a message is a stream of one, so that
/// this asks methods of every kind.
async fn ask<M>(channel: Channel, method: &Method, token: &str, message: M) -> Option<String>
where
    M: Message + Default + Send + Sync + 'static,
{
    let mut request = Request::new(message);
    if !token.is_empty() {
        let bearer = format!("Bearer {token}").parse().expect("plain text");
        request.metadata_mut().insert("authorization", bearer);
    }
    let path = method.path.parse::<PathAndQuery>().expect("a path");
    let answer = async {
        let mut client = Grpc::new(channel);
        let ready = client.ready().await;
        ready.map_err(|error| Status::from_error(error.into()))?;
        let codec = ProstCodec::<M, ()>::default();
        let answer = client.server_streaming(request, path, codec).await?;
        answer.into_inner().message().await
    };
    let status = answer.await.err()?;
    let details = status.get_error_details();
    let info = details.error_info();
    Some(info.unwrap_or_else(|| panic!("{status:?}")).reason.clone())
}
