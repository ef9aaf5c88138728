//! Accounts of a platform that is measured, and what they do at auth-service itself.

use anyhow::Context as _;
use rpc::{
    auth::{
        LoginRequest, RefreshRequest, RegisterRequest, SignedIn,
        auth_service_client::AuthServiceClient, login_response::Outcome,
    },
    tonic::{Code, transport::Channel},
};
use test_kit::Platform;
use uuid::Uuid;

use crate::load::{Load, Step};

const PASSWORD: &str = "correct horse battery staple";

type Client = AuthServiceClient<Channel>;

/// Somebody with an account.
#[derive(Clone)]
pub struct Account {
    client: Client,
    /// Address to sign in with.
    pub email: String,
}

impl Account {
    /// A new one.
    pub async fn register(platform: &Platform) -> anyhow::Result<Self> {
        let address = format!("http://127.0.0.1:{}", platform.grpc_port("auth-service"));
        let mut client = Client::new(rpc::connect(&address, Some(rpc::DEADLINE))?);
        let handle = format!("b{}", &Uuid::now_v7().simple().to_string()[4..]);
        let email = format!("{handle}@example.com");
        let asked = RegisterRequest {
            email: email.clone(),
            handle,
            password: PASSWORD.to_owned(),
            client: None,
        };
        client.register(asked).await?;
        Ok(Self { client, email })
    }

    /// Signs in.
    pub async fn sign_in(&self) -> anyhow::Result<SignedIn> {
        match self.log_in().await?.outcome {
            Some(Outcome::SignedIn(signed_in)) => Ok(signed_in),
            _ => anyhow::bail!("a sign-in that is none"),
        }
    }

    async fn log_in(&self) -> Result<rpc::auth::LoginResponse, rpc::tonic::Status> {
        let asked = LoginRequest {
            email: self.email.clone(),
            password: PASSWORD.to_owned(),
            client: None,
        };
        Ok(self.client.clone().login(asked).await?.into_inner())
    }
}

/// Signs in again and again; being told to come back later counts as an answer.
pub struct SigningIn(pub Account);

impl Step for SigningIn {
    async fn step(&mut self) -> anyhow::Result<()> {
        match self.0.log_in().await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::Unavailable => Ok(()),
            Err(status) => Err(status.into()),
        }
    }
}

/// Renews its session again and again, each time with the token it was given last.
pub struct Refreshing {
    client: Client,
    token: String,
}

impl Refreshing {
    /// So many sessions at the same time.
    pub async fn load(account: &Account, sessions: usize) -> anyhow::Result<Load<Self>> {
        let mut workers = Vec::with_capacity(sessions);
        for _ in 0..sessions {
            workers.push(Self {
                client: account.client.clone(),
                token: account.sign_in().await?.refresh_token,
            });
        }
        Ok(Load::new(workers))
    }
}

impl Step for Refreshing {
    async fn step(&mut self) -> anyhow::Result<()> {
        let asked = RefreshRequest {
            refresh_token: self.token.clone(),
            client: None,
        };
        let answer = self.client.refresh(asked).await?.into_inner();
        let signed_in = answer.signed_in.context("a refresh that is none")?;
        self.token = signed_in.refresh_token;
        Ok(())
    }
}
