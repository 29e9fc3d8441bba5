const { createServer } = require("node:http");
const { greeting } = require("./greeting.json");

createServer((request, response) => response.end(greeting)).listen(8000, "127.0.0.1");
