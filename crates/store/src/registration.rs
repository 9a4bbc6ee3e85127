//! Clients that register themselves: what goes in and out of the steps for them.

use countersign_protocol::Timestamp;
use countersign_protocol::client::Client;
use countersign_protocol::error::OAuthError;

use crate::store::{Answer, Ended, Moment};

/// A client that registers itself.
#[derive(Clone, Debug)]
pub struct NewRegistration {
    /// The client, under an id that nobody has.
    pub client: Client,
    /// SHA-256 of the token that manages it.
    pub management: [u8; 32],
    /// SHA-256 of the initial access token that was shown, where one is needed.
    pub permit: Option<[u8; 32]>,
    /// As many may have registered themselves.
    pub most: u64,
    /// When.
    pub now: Timestamp,
}

/// How a registration went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationOutcome {
    /// The client is registered.
    Done,
    /// The initial access token is unknown, expired or used up.
    NoPermit,
    /// There are as many as there may be.
    Full,
}

/// A client that registered itself.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisteredClient {
    /// The client.
    pub client: Client,
    /// When it did.
    pub registered_at: Timestamp,
}

/// A permission to register clients, by a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialAccess {
    /// What operators call it.
    pub name: String,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be used.
    pub expires_at: Timestamp,
    /// How many clients may still be registered with it.
    pub uses_left: u32,
}

/// Makes of a client what it is to be, or says why not.
pub type ChangeClient = Box<dyn FnOnce(Client) -> Result<Client, OAuthError> + Send>;

/// The part of a store that is about clients that register themselves. Each method that changes
/// something is one atomic step, and is answered when it is durable.
pub trait Registrations {
    /// Registers a client, using its permission up by one.
    fn register_client(&self, new: NewRegistration) -> Answer<'_, RegistrationOutcome>;
    /// A client, for whoever has the token that manages it.
    fn registered_client<'a>(
        &'a self,
        client_id: &'a str,
        management: [u8; 32],
    ) -> Answer<'a, Option<RegisteredClient>>;
    /// Changes a client for whoever has the token that manages it. The change is made inside the
    /// transaction, on the client as it is then: nothing that another has changed meanwhile is
    /// lost.
    fn change_registered_client(
        &self,
        client_id: String,
        management: [u8; 32],
        change: ChangeClient,
    ) -> Answer<'_, Option<Result<RegisteredClient, OAuthError>>>;
    /// Removes a client that is not disabled, for whoever has the token that manages it, and ends
    /// its grants and tokens.
    fn remove_registered_client(
        &self,
        client_id: String,
        management: [u8; 32],
        moment: Moment,
    ) -> Answer<'_, Option<Ended>>;
    /// Notes that a client that registered itself was of use to somebody.
    fn note_client_use(&self, client_id: String, now: Timestamp) -> Answer<'_, ()>;
    /// Removes clients that registered themselves and that nobody uses: those that never were of
    /// use
    /// and registered before `never_used`, and those that were last so before `unused`. None that
    /// has a grant goes. Answers how many went.
    fn forget_unused_clients(&self, never_used: Timestamp, unused: Timestamp) -> Answer<'_, usize>;

    /// Permits registrations. `false` when the name is taken.
    fn add_initial_access(&self, permit: InitialAccess) -> Answer<'_, bool>;
    /// All permissions that can still be used, by name.
    fn initial_accesses(&self, now: Timestamp) -> Answer<'_, Vec<InitialAccess>>;
    /// Takes a permission back. `false` when there is none of that name.
    fn remove_initial_access<'a>(&'a self, name: &'a str) -> Answer<'a, bool>;
}
