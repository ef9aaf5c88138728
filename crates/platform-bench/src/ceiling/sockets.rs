//! A bare WebSocket server: one Redis subscription, handed to every socket.

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytestring::ByteString;
use futures_util::StreamExt;
use tokio::{sync::broadcast, task::JoinSet};

use super::http::workers;

/// Messages that may wait.
const WAITING: usize = 1024;

type Messages = broadcast::Sender<ByteString>;

/// Serves; every text of the channel goes to every socket.
pub(super) async fn serve(port: u16, redis_url: &str, channel: String) -> anyhow::Result<()> {
    let messages = Messages::new(WAITING);
    let data = web::Data::new(messages.clone());
    let mut subscription = redis::Client::open(redis_url)?.get_async_pubsub().await?;
    subscription.subscribe(channel).await?;
    let mut running = JoinSet::new();
    running.spawn(async move {
        let mut stream = subscription.into_on_message();
        while let Some(message) = stream.next().await {
            let text: String = message.get_payload()?;
            // Fails while there is no socket.
            let _ = messages.send(text.into());
        }
        anyhow::Ok(())
    });
    let app = move || {
        App::new()
            .app_data(data.clone())
            .route("/", web::get().to(open))
    };
    HttpServer::new(app)
        .workers(workers())
        .bind(("127.0.0.1", port))?
        .run()
        .await?;
    Ok(())
}

async fn open(
    request: HttpRequest,
    body: web::Payload,
    messages: web::Data<Messages>,
) -> actix_web::Result<HttpResponse> {
    let (response, mut session, _) = actix_ws::handle(&request, body)?;
    // Before the answer, so that an open socket misses nothing.
    let mut subscription = messages.subscribe();
    actix_web::rt::spawn(async move {
        while let Ok(text) = subscription.recv().await {
            if session.text(text).await.is_err() {
                return;
            }
        }
    });
    Ok(response)
}
