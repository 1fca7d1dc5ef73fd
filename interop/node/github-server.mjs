// emulate's GitHub on a free port, in a process of its own: it wants Node 22, which npm brings along. Its address is
// its first line.

import { createEmulator } from "emulate";

const [port, ...callbacks] = process.argv.slice(2);
const github = await createEmulator({
  service: "github",
  port: Number(port),
  seed: {
    github: {
      users: [{ login: "octocat", name: "The Octocat", email: "octocat@people.example" }],
      oauth_apps: [
        { client_id: "Iv1.interop", client_secret: "interop-secret", name: "Interop", redirect_uris: callbacks },
      ],
    },
  },
});
process.stdout.write(`${github.url}\n`);
