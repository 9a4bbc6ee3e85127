//! How SQLite finds the rows of the statements that run at every request.

use countersign_protocol::wire::authorize::pushed::PushedRequest;
use rusqlite::Connection;

use super::folder::Folder;
use crate::contract::samples::{grant, later};
use crate::sqlite::{
    SqliteStore, client, device, grant as grants, pushed_request, revocation, status, used_token,
};
use crate::store::{GrantSelector, Pushed, Use, UsedOnce};

/// Opens the file beside its store, which makes the schema.
fn schema(folder: &Folder) -> Connection {
    let path = folder.path("a.db");
    drop(SqliteStore::open(&path).unwrap());
    Connection::open(path).unwrap()
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = statement.raw_query().mapped(|row| row.get("detail")).collect::<Result<_, _>>();
    steps.unwrap()
}

#[test]
fn a_rotation_is_two_statements_by_primary_key() {
    let folder = Folder::new();
    let connection = schema(&folder);
    for sql in [&grants::find_statement(), grants::ROTATE] {
        assert_eq!(plan(&connection, sql), ["SEARCH grants USING PRIMARY KEY (id=?)"], "{sql}");
    }
}

#[test]
fn a_rotation_changes_no_index() {
    let folder = Folder::new();
    let connection = schema(&folder);
    let mut statement = connection
        .prepare(
            "SELECT i.name || '.' || c.name FROM pragma_index_list('grants') i,
                 pragma_index_info(i.name) c",
        )
        .unwrap();
    let columns: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(columns.contains(&"grants_by_subject.subject".to_owned()), "{columns:?}");
    for changing in ["generation", "rotated_at", "idle_expires_at"] {
        assert!(grants::ROTATE.contains(changing));
        let indexed = columns.iter().any(|column| column.ends_with(&format!(".{changing}")));
        assert!(!indexed, "{changing}: {columns:?}");
    }
}

#[test]
fn each_selector_uses_its_index_and_sorts_nothing() {
    let folder = Folder::new();
    let connection = schema(&folder);
    let table = [
        (GrantSelector::All, "SCAN grants"),
        (GrantSelector::One(grant(1).id), "SEARCH grants USING PRIMARY KEY (id=?)"),
        (
            GrantSelector::Subject("alice".into()),
            "SEARCH grants USING INDEX grants_by_subject (subject=?)",
        ),
        (
            GrantSelector::Client("shop".into()),
            "SEARCH grants USING INDEX grants_by_client (client_id=?)",
        ),
        (
            GrantSelector::Session("sid".into()),
            "SEARCH grants USING INDEX grants_by_session (session_id=?)",
        ),
    ];
    for (selector, expected) in table {
        let (condition, _) = grants::condition(&selector);
        for sql in [grants::select_statement(condition), grants::unended_statement(condition)] {
            assert_eq!(plan(&connection, &sql), [expected], "{sql}");
        }
    }
}

#[test]
fn the_few_clients_that_protect_something_have_an_index() {
    let folder = Folder::new();
    let plan = plan(&schema(&folder), client::PROTECTING);
    assert_eq!(plan, ["SCAN client USING INDEX client_that_protects"]);
}

#[test]
fn a_listed_token_and_its_end_are_found_without_a_walk() {
    let folder = Folder::new();
    let connection = schema(&folder);
    let wide = plan(&connection, status::WIDE);
    assert!(
        wide.contains(&"SEARCH revocation USING INDEX revocation_wide (kind=?)".to_owned()),
        "{wide:?}"
    );
    let lists = plan(&connection, status::LISTS);
    assert_eq!(lists, ["SEARCH status USING PRIMARY KEY"], "{lists:?}");
    for (condition, index) in [("token_id", "token"), ("grant_id", "grant")] {
        let sql = format!("UPDATE status SET revoked = 1 WHERE {condition} = ?1");
        let expected = format!("SEARCH status USING INDEX status_by_{index} ({condition}=?)");
        assert_eq!(plan(&connection, &sql), [expected]);
    }
}

#[test]
fn a_device_is_found_by_its_id_and_by_its_code() {
    let folder = Folder::new();
    let connection = schema(&folder);
    let by_id = plan(&connection, &device::find_statement());
    assert_eq!(by_id, ["SEARCH device USING PRIMARY KEY (id=?)"]);
    let by_code = plan(&connection, &device::named_statement());
    let unique = "SEARCH device USING INDEX sqlite_autoindex_device_2 (user_code=?)";
    assert_eq!(by_code, [unique]);
}

#[test]
fn the_feed_is_read_from_its_place() {
    let folder = Folder::new();
    let plan = plan(&schema(&folder), &revocation::after_statement());
    assert_eq!(plan, ["SEARCH revocation USING INTEGER PRIMARY KEY (rowid>?)"]);
}

#[test]
fn uses_are_remembered_up_to_a_number_and_never_forgotten_early() {
    let folder = Folder::new();
    let connection = schema(&folder);
    let note = |token_id: &str, until: u64, now: u64| {
        let used = Use::new("i", token_id, later(until));
        used_token::note(&connection, &used, later(now), 2).unwrap()
    };
    assert_eq!(note("1", 20, 0), UsedOnce::First);
    assert_eq!(note("2", 30, 0), UsedOnce::First);
    assert_eq!(note("3", 30, 0), UsedOnce::Full);
    assert_eq!(note("1", 20, 19), UsedOnce::Replayed);
    assert_eq!(note("3", 40, 20), UsedOnce::First, "the first has expired and made room");
    assert_eq!(note("1", 20, 0), UsedOnce::Replayed, "even if the clock is set back");
    let count = |sql| connection.query_row::<u32, _, _>(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM used_token"), 2);
    assert_eq!(count("SELECT live FROM used_tokens"), 2);
}

#[test]
fn a_pushed_request_is_found_by_its_key() {
    let folder = Folder::new();
    let connection = schema(&folder);
    for sql in [pushed_request::FIND, pushed_request::TAKE] {
        let plan = plan(&connection, sql);
        assert!(plan[0].starts_with("SEARCH pushed_request USING INDEX"), "{plan:?}");
        assert!(plan[0].ends_with("(key=?)"), "{plan:?}");
    }
}

#[test]
fn strangers_leave_room_for_clients_that_prove_who_they_are() {
    let folder = Folder::new();
    let connection = schema(&folder);
    let push = |number: u8, confidential: bool, now: u64| {
        let pushed = PushedRequest {
            key: [number; 32],
            client_id: "shop".into(),
            confidential,
            parameters: String::new(),
            pushed_at: later(now),
            expires_at: later(now + 60),
        };
        pushed_request::push_within(&connection, &pushed, later(now), 2).unwrap()
    };
    assert_eq!((push(1, false, 0), push(2, false, 10)), (Pushed::Kept, Pushed::Kept));
    assert_eq!(push(3, false, 20), Pushed::Full);
    assert_eq!(push(3, true, 20), Pushed::Kept);
    assert!(pushed_request::take(&connection, &[2; 32], later(30)).unwrap());
    assert_eq!(push(4, false, 30), Pushed::Kept, "what was answered has made room");
    assert_eq!(push(5, false, 60), Pushed::Kept, "what has expired has made room");
    let live = |confidential: bool| {
        let sql = "SELECT live FROM pushed_requests WHERE confidential = ?1";
        connection.query_row::<u32, _, _>(sql, [confidential], |row| row.get(0)).unwrap()
    };
    assert_eq!((live(false), live(true)), (2, 1));
}
