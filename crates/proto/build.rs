//! Compiles the `.proto` files with protox, so that no `protoc` is needed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const INCLUDE: &str = "../../proto";
const FILES: [&str; 2] = ["rembg/inference/v1/inference.proto", "rembg/billing/v1/billing.proto"];

/// Messages that carry a key, a token or a password. Their `Debug` is written
/// by hand in `src/redact.rs`, so that a stray `{:?}` cannot print a secret.
const SECRET: [&str; 16] = [
    "rembg.billing.v1.Caller",
    "rembg.billing.v1.Caller.credential",
    "rembg.billing.v1.RegisterRequest",
    "rembg.billing.v1.VerifyEmailRequest",
    "rembg.billing.v1.LoginRequest",
    "rembg.billing.v1.LoginResponse",
    "rembg.billing.v1.LogoutRequest",
    "rembg.billing.v1.ConfirmPasswordResetRequest",
    "rembg.billing.v1.GetAccountRequest",
    "rembg.billing.v1.ListKeysRequest",
    "rembg.billing.v1.CreateKeyRequest",
    "rembg.billing.v1.CreateKeyResponse",
    "rembg.billing.v1.RevokeKeyRequest",
    "rembg.billing.v1.CreateCheckoutRequest",
    "rembg.billing.v1.CreatePortalRequest",
    "rembg.billing.v1.ApplyStripeEventRequest",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={INCLUDE}");
    let descriptors = protox::compile(FILES, [INCLUDE])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("rembg.descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".").skip_debug(SECRET).compile_fds(descriptors)?;
    Ok(())
}
