//! The billing service: accounts, keys, credits, limits and Stripe.

use crate::{
    ErrorCode, ServiceError,
    billing_v1::{self as pb, billing_service_client, billing_service_server},
    unary::unary_service,
};

unary_service! {
    /// Who is calling, what it costs, and the accounts behind it. The messages
    /// are documented in `billing.proto`.
    trait Billing, handle BillingHandle, grpc BillingGrpc, fake FakeBilling;
    metric "rembg_billing_call_seconds";
    client billing_service_client::BillingServiceClient<tonic::transport::Channel>;
    server billing_service_server::BillingService;

    /// Whether the caller may ask for pictures; holds and counts nothing.
    identify(pb::IdentifyRequest) -> pb::IdentifyResponse;
    /// Checks the caller, the limits and the credits, and holds the cost.
    reserve(pb::ReserveRequest) -> pb::ReserveResponse;
    /// Charges a reservation, at most once.
    commit(pb::CommitRequest) -> pb::CommitResponse;
    /// Gives a reservation back, at most once and never after a commit.
    release(pb::ReleaseRequest) -> pb::ReleaseResponse;
    /// Counters and window of the account behind an API key.
    get_membership_usage(pb::GetMembershipUsageRequest) -> pb::GetMembershipUsageResponse;
    /// Every billing window of the account that has usage, newest first.
    list_billing_cycles(pb::ListBillingCyclesRequest) -> pb::ListBillingCyclesResponse;
    /// Makes an account, or pretends to where the address is known.
    register(pb::RegisterRequest) -> pb::RegisterResponse;
    /// Takes the token of the verification mail.
    verify_email(pb::VerifyEmailRequest) -> pb::VerifyEmailResponse;
    /// Opens a session.
    login(pb::LoginRequest) -> pb::LoginResponse;
    /// Ends a session.
    logout(pb::LogoutRequest) -> pb::LogoutResponse;
    /// Mails a reset link where the address is known; tells nobody whether.
    request_password_reset(pb::RequestPasswordResetRequest) -> pb::RequestPasswordResetResponse;
    /// Sets the password and ends all sessions.
    confirm_password_reset(pb::ConfirmPasswordResetRequest) -> pb::ConfirmPasswordResetResponse;
    /// The signed-in account, its plan, credits and window.
    get_account(pb::GetAccountRequest) -> pb::GetAccountResponse;
    /// The account's API keys.
    list_keys(pb::ListKeysRequest) -> pb::ListKeysResponse;
    /// Makes an API key and shows it this once.
    create_key(pb::CreateKeyRequest) -> pb::CreateKeyResponse;
    /// Ends an API key.
    revoke_key(pb::RevokeKeyRequest) -> pb::RevokeKeyResponse;
    /// Opens a Stripe Checkout session for a plan or a pack.
    create_checkout(pb::CreateCheckoutRequest) -> pb::CreateCheckoutResponse;
    /// Opens a session of Stripe's customer portal.
    create_portal(pb::CreatePortalRequest) -> pb::CreatePortalResponse;
    /// Verifies and applies a Stripe event, exactly once.
    apply_stripe_event(pb::ApplyStripeEventRequest) -> pb::ApplyStripeEventResponse;
    /// Whether the store and the counters answer.
    get_status(pb::GetStatusRequest) -> pb::GetStatusResponse;
}
