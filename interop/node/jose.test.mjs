// npm `jose` and countersign-jose: each reads what the other writes, with keys that either made,
// and both refuse what was changed on the way.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Cannot, NpmJose, isSecret } from "./npm_jose.mjs";
import { OurSide, Refused } from "./our_side.mjs";
import { Random } from "./random.mjs";
import { Results } from "./results.mjs";
import { changedEncryptions, changedSignatures } from "./tampering.mjs";

const form = (name, content, flags) => ({ name, content, flags });
const SIGNED_FORMS = [
  form("compact", "bytes", { form: "compact" }),
  form("flattened", "bytes", { form: "flattened" }),
  form("general", "bytes", { form: "general" }),
  form("compact, detached", "bytes", { form: "compact", detached: true }),
  form("flattened, detached", "bytes", { form: "flattened", detached: true }),
  form("general, detached", "bytes", { form: "general", detached: true }),
  form("compact, b64=false", "plain", { form: "compact", unencoded: true }),
  form("flattened, b64=false", "text", { form: "flattened", unencoded: true }),
  form("general, b64=false", "text", { form: "general", unencoded: true }),
  form("compact, b64=false, detached", "bytes",
    { form: "compact", unencoded: true, detached: true }),
  form("flattened, b64=false, detached", "bytes",
    { form: "flattened", unencoded: true, detached: true }),
];

const ENCRYPTED_FORMS = [
  form("compact", "bytes", { form: "compact" }),
  form("flattened", "bytes", { form: "flattened" }),
  form("general", "bytes", { form: "general" }),
];
const CURVES = ["P-256", "P-384", "P-521", "X25519"];

const random = new Random();
const ours = new OurSide();
const theirs = new NpmJose();
const weAndThey = [ours, theirs];
const results = new Results(theirs.name);
const names = await ours.names();
console.log(`seed: JOSE_SEED=${random.seed}`);
after(() => ours.stop());

for (const alg of names.signature) {
  test(`signatures: ${alg}`, async (t) => {
    const keys = await madeByEither(t, alg);
    for (const index of keys.keys()) {
      for (const form of SIGNED_FORMS) await crossSigned(form, keys, index);
    }
    if (alg === "Ed25519") await readsTheOldName(keys);
    t.diagnostic(results.line(alg));
  });
}

for (const alg of names.key_management) {
  for (const kind of alg.startsWith("ECDH") ? CURVES : [undefined]) {
    const what = kind ? `${alg} ${kind}` : alg;
    test(`encryption: ${what}`, async (t) => {
      let keys = alg !== "dir" && await madeByEither(t, alg, kind);
      for (const [turn, enc] of names.encryption.entries()) {
        if (alg === "dir") keys = await madeByEither(t, alg, enc);
        await crossEncrypted(what, enc, keys, turn);
      }
      t.diagnostic(results.line(what));
    });
  }
}

for (const alg of names.password) {
  test(`encryption: ${alg}`, async (t) => {
    const password = random.bytes(1 + random.below(40));
    const ours = { alg, password: password.toString("base64url") };
    const key = { alg, ours: { private: ours, public: ours } };
    key.theirs = { private: password, public: password };
    for (const enc of names.encryption) {
      // What we write has always the same method.
      const writers = enc === "A256GCM" ? [weAndThey[0], theirs] : [theirs];
      await encryptedBy(writers, alg, ENCRYPTED_FORMS[0], enc, [key]);
    }
    t.diagnostic(results.line(alg));
  });
}

test("encryption: compressed content is read by those who ask for it", async () => {
  const [compact, flattened] = ENCRYPTED_FORMS;
  const enc = "A128GCM";
  const key = await madeByThem("A128KW", "jwk");
  for (const form of [compact, flattened]) {
    const payload = random.payload("text");
    const token = await theirs.encrypt(form, enc, [key], payload, undefined, "DEF");
    assert.deepEqual((await ours.decrypt(form, enc, [key], token, true))[0], payload);
    await assert.rejects(ours.decrypt(form, enc, [key], token), { reason: "invalid_header" });
    results.crossed("zip: DEF", false);
  }
});

test("docs/jose-interop.md says what this run has shown", (t) => {
  console.log(results.summary());
  t.diagnostic(results.compareWithDocument());
});

/// Keys that either side made, carried over as JWK and, but for secrets, as PEM. None when the
/// library says that it cannot do the algorithm.
async function madeByEither(t, alg, kind) {
  const keys = [];
  try {
    for (const carrier of isSecret(alg) ? ["jwk"] : ["jwk", "pem"]) {
      keys.push(await madeByUs(alg, carrier, kind), await madeByThem(alg, carrier, kind));
    }
  } catch (error) {
    if (!(error instanceof Cannot)) throw error;
    // It must be unable to do it with our key as well.
    const forms = await ours.forms({ jwk: await ours.generate(alg, kind) });
    await assert.rejects(theirs.take(alg, { jwk: forms.private_jwk }), Cannot);
    results.cannot(alg, error.message);
    return [];
  }
  for (const key of keys) await sameKeyOnBothSides(key);
  return keys;
}

async function madeByUs(alg, carrier, kind) {
  const jwk = await ours.generate(alg, kind);
  const forms = await ours.forms({ jwk });
  const key = { alg, kid: jwk.kid, name: `made by us, carried as ${carrier}` };
  const take = (part) => theirs.take(alg, { [carrier]: forms[`${part}_${carrier}`] });
  const pair = { private: await take("private") };
  pair.public = forms.public_jwk ? await take("public") : pair.private;
  key.theirs = pair;
  key.ours = { private: { alg, jwk }, public: { alg, jwk: forms.public_jwk ?? jwk } };
  return key;
}

async function madeByThem(alg, carrier, kind) {
  const key = { alg, name: `made by them, carried as ${carrier}` };
  key.theirs = await theirs.generate(alg, kind);
  const carry = async (half) => ({ alg, [carrier]: await theirs[carrier](half) });
  key.ours = {
    private: await carry(key.theirs.private),
    public: await carry(key.theirs.public),
  };
  [key.kid] = await theirs.names(key.theirs.public);
  return key;
}

/// Both sides write the same public key and give it the same name, and each reads the private key
/// as the other writes it.
async function sameKeyOnBothSides(key) {
  const [kid, uri] = await theirs.names(key.theirs.public);
  assert.equal(kid, key.kid, key.name);
  if (key.ours.private.jwk?.kty === "oct") return;
  const forms = await ours.forms(key.ours.public);
  assert.equal(forms.thumbprint, kid, key.name);
  assert.equal(forms.thumbprint_uri, uri, key.name);
  const { kid: _, use, key_ops, alg, ...numbers } = forms.public_jwk;
  const { alg: theirAlg, ...theirNumbers } = await theirs.jwk(key.theirs.public);
  assert.deepEqual(numbers, theirNumbers, key.name);
  const plain = (pem) => pem.replaceAll(/\s/g, "");
  assert.equal(plain(forms.public_pem), plain(await theirs.pem(key.theirs.public)), key.name);
  const again = [
    { jwk: { ...await theirs.jwk(key.theirs.private), alg: key.alg } },
    { pem: await theirs.pem(key.theirs.private) },
  ];
  for (const form of again) assert.equal((await ours.forms(form)).thumbprint, kid, key.name);
}

/// Either side signs; both verify, and both refuse each change.
async function crossSigned(form, keys, index) {
  const several = form.flags.form === "general";
  const signers = several ? [keys[index], keys[(index + 1) % keys.length]] : [keys[index]];
  for (const writer of weAndThey) {
    const payload = random.payload(form.content);
    const token = await writer.sign(form, signers, payload);
    for (const reader of weAndThey) {
      const seen = await explained(
        () => reader.verify(form, signers, token, payload),
        () => ({ form: form.name, writer: writer.name, reader: reader.name, signers, token }),
      );
      assert.deepEqual(seen, payload, `${form.name}: the payload`);
    }
    await allRefused(weAndThey, changedSignatures(form, token, payload, random), "bad_signature",
      (reader, change) => reader.verify(form, signers, change.token, change.payload));
    results.crossed(keys[0].alg, writer === ours);
  }
}

/// For each method with a key that we made and one that they made, in turn carried as JWK and PEM.
async function crossEncrypted(what, enc, keys, turn) {
  const [compact, flattened, general] = ENCRYPTED_FORMS;
  const [key, another] = [keys[turn % keys.length], keys[(turn + 1) % keys.length]];
  for (const one of [key, another]) await encryptedBy(weAndThey, what, compact, enc, [one]);
  await encryptedBy(weAndThey, what, flattened, enc, [key]);
  // Who has no content key of his own to send has one recipient.
  if (key.alg === "dir" || key.alg === "ECDH-ES") {
    await encryptedBy([theirs], what, general, enc, [key]);
    const refused = ours.encrypt(general, enc, [key], Buffer.from("x"));
    await assert.rejects(refused, { reason: "algorithm_not_allowed" });
  } else {
    await encryptedBy(weAndThey, what, general, enc, [key, another]);
  }
}

/// Each of the writers encrypts; both sides decrypt, and both refuse each change.
async function encryptedBy(writers, what, form, enc, recipients) {
  for (const writer of writers) {
    const plaintext = random.payload("bytes");
    const withAad = form.flags.form !== "compact" && random.below(2) === 0;
    const aad = withAad ? random.bytes(1 + random.below(100)) : undefined;
    const token = await writer.encrypt(form, enc, recipients, plaintext, aad);
    for (const reader of weAndThey) {
      const [seen, seenAad] = await explained(
        () => reader.decrypt(form, enc, recipients, token),
        () => ({ form: form.name, enc, writer: writer.name, reader: reader.name, token,
          recipients: recipients.map((key) => [key.name, key.ours]) }),
      );
      assert.deepEqual(seen, plaintext, `${form.name}, ${enc}: the plaintext`);
      assert.deepEqual(seenAad ?? undefined, aad, `${form.name}, ${enc}: the additional data`);
    }
    await allRefused(weAndThey, changedEncryptions(form, token, random), "decryption",
      (reader, change) => reader.decrypt(form, enc, recipients, change.token));
    results.crossed(what, writer === ours);
  }
}

/// `EdDSA` is the older name of Ed25519: we read it and do not write it.
async function readsTheOldName(keys) {
  const [form] = SIGNED_FORMS;
  for (const key of keys) {
    const old = { ...key, alg: "EdDSA", alsoCalled: "Ed25519" };
    const payload = random.payload(form.content);
    const token = await theirs.sign(form, [old], payload);
    assert.deepEqual(await ours.verify(form, [key], token, payload), payload);
    await allRefused([ours], changedSignatures(form, token, payload, random), "bad_signature",
      (reader, change) => reader.verify(form, [key], change.token, change.payload));
    results.crossed("EdDSA", false);
  }
}

async function explained(action, situation) {
  try {
    return await action();
  } catch (error) {
    throw new Error(JSON.stringify(situation()), { cause: error });
  }
}

/// Each reader refuses each change, and says this reason unless it was the header that changed.
async function allRefused(readers, changes, reason, read) {
  await Promise.all(changes.flatMap((change) => readers.map(async (reader) => {
    const said = await read(reader, change).then(() => undefined, (error) => error);
    const inHeader = change.part === "header";
    // Where a changed header leads, a library says in many ways; ours has a code for each.
    const anyError = inHeader && reader === theirs && said instanceof Error;
    const what = `${reader.name} read a changed ${change.part} and said ${said}`;
    assert.ok(said instanceof Refused || anyError, `${what}: ${JSON.stringify(change)}`);
    if (!inHeader) assert.equal(said.reason, reason, `${what}: ${JSON.stringify(change)}`);
    results.refused(reader === ours);
  })));
}
