//! Answers on their way: written piece by piece, and held by whom they are for until they were taken. Who
//! takes none of theirs gets no more, and keeps nobody else from theirs.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    dev::ServiceResponse,
    http::header::SET_COOKIE,
    web::Bytes,
};
use service_kit::{Code, Problem};

use super::Failure;
use crate::connections::{self, Delivery, Kind, Spent};

/// A piece: the server copies it as a whole.
pub(super) const PIECE: usize = 16 * 1024;

/// A body of at most so many bytes is with the system as soon as it is written, and is not counted, which
/// cost a short request a sixth of its time.
const SHORT: u64 = 4 * 1024;

/// What an answer holds beside its body, about.
const HEAD: usize = 512;

/// A body that is written piece by piece.
pub(super) struct Pieces {
    rest: Bytes,
}

impl Pieces {
    /// Of what is in memory anyway: it takes no room.
    pub(super) fn shared(body: &'static [u8]) -> Self {
        Self {
            rest: Bytes::from_static(body),
        }
    }
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        Poll::Ready((length > 0).then_some(Ok(piece)))
    }
}

/// A body that is written to its connection, and then taken there.
struct Delivered<B> {
    body: B,
    delivery: Option<Delivery>,
}

impl<B: MessageBody + Unpin> MessageBody for Delivered<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

impl<B> Drop for Delivered<B> {
    fn drop(&mut self) {
        if let Some(delivery) = self.delivery.take() {
            delivery.until_taken();
        }
    }
}

/// Delivers an answer, and holds one that is whole in memory. Where there is no room for it a read is refused; an
/// answer to what has changed something is given all the same.
pub(super) fn deliver(answered: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if matches!(
        answered.response().body().size(),
        BodySize::None | BodySize::Sized(..=SHORT)
    ) {
        return answered;
    }
    let (request, response) = answered.into_parts();
    let (response, body) = response.into_parts();
    let rest = match body.try_into_bytes() {
        Ok(bytes) => bytes,
        // It has its own pieces.
        Err(body) => {
            let delivery = connections::deliver(&request, None);
            let body = BoxBody::new(Delivered { body, delivery });
            return ServiceResponse::new(request, response.set_body(body));
        }
    };
    let mut room = connections::place(&request).map(|place| place.room(Kind::Answers));
    // What has been done is said, whatever is held: nobody is to do it again, or to miss a new session.
    let can_be_asked_again =
        request.method().is_safe() && !response.headers().contains_key(SET_COOKIE);
    if let Some(room) = &mut room {
        let bytes = HEAD + rest.len();
        if !can_be_asked_again {
            room.grow_anyway(bytes);
        } else if let Err(spent) = room.grow(bytes) {
            return ServiceResponse::from_err(Failure::from(no_room(spent)), request);
        }
    }
    let body = Pieces { rest };
    let delivery = connections::deliver(&request, room);
    let body = BoxBody::new(Delivered { body, delivery });
    ServiceResponse::new(request, response.set_body(body))
}

/// There is no room for an answer.
pub(super) fn no_room(spent: Spent) -> Problem {
    match spent {
        Spent::OfEach => {
            let detail = "Too many of your answers wait to be read; read some, then ask again.";
            Problem::new(Code::RateLimited, detail)
        }
        Spent::InAll => {
            let detail = "Too many answers wait to be read; try again shortly.";
            Problem::new(Code::Unavailable, detail)
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_fn;

    use super::*;

    #[actix_web::test]
    async fn a_body_comes_in_pieces_and_whole() {
        let body: &'static [u8] = &[7; 2 * PIECE + 1];
        let mut pieces = Box::pin(Pieces::shared(body));
        let mut lengths = Vec::new();
        while let Some(Ok(piece)) = poll_fn(|cx| pieces.as_mut().poll_next(cx)).await {
            lengths.push(piece.len());
        }
        assert_eq!(lengths, [PIECE, PIECE, 1]);
    }
}
