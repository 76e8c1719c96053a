//! x
use proto::{ErrorCode, ServiceError, billing_v1 as pb};
use super::{Answer, Inner};
impl Inner {
    pub(super) async fn create_checkout(&self, _request: pb::CreateCheckoutRequest) -> Answer<pb::CreateCheckoutResponse> { Err(ServiceError::new(ErrorCode::Unavailable, "soon")) }
    pub(super) async fn create_portal(&self, _request: pb::CreatePortalRequest) -> Answer<pb::CreatePortalResponse> { Err(ServiceError::new(ErrorCode::Unavailable, "soon")) }
    pub(super) async fn apply_stripe_event(&self, _request: pb::ApplyStripeEventRequest) -> Answer<pb::ApplyStripeEventResponse> { Err(ServiceError::new(ErrorCode::Unavailable, "soon")) }
}
