import { createServer } from "node:http";
import { greeting } from "./lib/greeting.js";

const port = Number(process.env.PORT ?? 8080);
const server = createServer((_request, response) => response.end(`${greeting(process.argv[2])}\n`));
server.listen(port, () => console.log(`listening on ${port}`));
process.on("SIGTERM", () => server.close());
