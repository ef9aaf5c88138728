//! The services behind the gateway. Their channels connect when they are first used, and again when
//! they were lost.

use rpc::{
    ai::ai_service_client::AiServiceClient, auth::auth_service_client::AuthServiceClient,
    learning::learning_service_client::LearningServiceClient,
    project::project_service_client::ProjectServiceClient,
};
use service_kit::config;
use tonic::transport::Channel;

/// Clients of the services; cloning one is cheap.
#[derive(Clone)]
pub struct Upstream {
    /// Accounts and sessions.
    pub auth: AuthServiceClient<Channel>,
    /// Projects, tasks, comments and their history.
    pub projects: ProjectServiceClient<Channel>,
    /// The same service over a channel of its own, for replays: they wait for sockets' turns, not for
    /// requests.
    pub histories: ProjectServiceClient<Channel>,
    /// The same service over a channel without a deadline, for calls that stream.
    pub streaming: ProjectServiceClient<Channel>,
    /// What was learned of each person.
    pub learning: LearningServiceClient<Channel>,
    /// Ratings of the mentor's replies, and what was done with them.
    pub ai: AiServiceClient<Channel>,
    /// The same service over a channel without a deadline: a reply takes as long as it is written.
    pub chat: AiServiceClient<Channel>,
}

impl Upstream {
    /// Clients at the addresses of the settings.
    pub fn connect(settings: &config::Upstream) -> Result<Self, rpc::InvalidUpstream> {
        let auth = rpc::connect(&settings.auth, Some(rpc::DEADLINE))?;
        let projects = rpc::connect(&settings.project, Some(rpc::DEADLINE))?;
        let histories = rpc::connect(&settings.project, Some(rpc::DEADLINE))?;
        let streaming = rpc::connect(&settings.project, None)?;
        let learning = rpc::connect(&settings.learning, Some(rpc::DEADLINE))?;
        let ai = rpc::connect(&settings.ai, Some(rpc::DEADLINE))?;
        let chat = rpc::connect(&settings.ai, None)?;
        Ok(Self {
            auth: AuthServiceClient::new(auth).max_decoding_message_size(rpc::LARGEST_ANSWER),
            projects: ProjectServiceClient::new(projects)
                .max_decoding_message_size(rpc::LARGEST_ANSWER),
            histories: ProjectServiceClient::new(histories)
                .max_decoding_message_size(rpc::LARGEST_ANSWER),
            streaming: ProjectServiceClient::new(streaming),
            learning: LearningServiceClient::new(learning),
            ai: AiServiceClient::new(ai),
            chat: AiServiceClient::new(chat),
        })
    }
}
