//! x
use proto::{ErrorCode, ServiceError, billing_v1 as pb};
use super::{Answer, Inner};
impl Inner {
    pub(super) async fn register(&self, _request: pb::RegisterRequest) -> Answer<pb::RegisterResponse> { Err(ServiceError::new(ErrorCode::Unavailable, "soon")) }
    pub(super) async fn verify_email(&self, _request: pb::VerifyEmailRequest) -> Answer<pb::VerifyEmailResponse> { Err(ServiceError::new(ErrorCode::Unavailable, "soon")) }
    pub(super) async fn login(&self, _request: pb::LoginRequest) -> Answer<pb::LoginResponse> { Err(ServiceError::new(ErrorCode::Unavailable, "soon")) }
    pub(super) async fn logout(&self, _request: pb::LogoutRequest) -> Answer<pb::LogoutResponse> { Err(ServiceError::new(ErrorCode::Unavailable, "soon")) }
    pub(super) async fn request_password_reset(&self, _request: pb::RequestPasswordResetRequest) -> Answer<pb::RequestPasswordResetResponse> { Err(ServiceError::new(ErrorCode::Unavailable, "soon")) }
    pub(super) async fn confirm_password_reset(&self, _request: pb::ConfirmPasswordResetRequest) -> Answer<pb::ConfirmPasswordResetResponse> { Err(ServiceError::new(ErrorCode::Unavailable, "soon")) }
    pub(super) async fn get_account(&self, _request: pb::GetAccountRequest) -> Answer<pb::GetAccountResponse> { Err(ServiceError::new(ErrorCode::Unavailable, "soon")) }
}
