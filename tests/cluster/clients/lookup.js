// Resolves what stands on standard input, "KIND NAME" a line: with the argument "lookup" as connections do, by the C library, with
// "resolve" by c-ares. Prints a line for each: KIND, NAME and the words that came of it, parted by tabs.
const dns = require('node:dns').promises;
const readline = require('node:readline');

const ways = {
  lookup: {
    host: async (name) => (await dns.lookup(name, { all: true })).map((one) => one.address),
    ptr: async (address) => [(await dns.lookupService(address, 80)).hostname],
  },
  resolve: {
    host: async (name) => [...(await attempt('A', () => dns.resolve4(name))), ...(await attempt('AAAA', () => dns.resolve6(name)))],
    ptr: (address) => dns.reverse(address),
    srv: async (name) => (await dns.resolveSrv(name)).map((one) => `${one.priority},${one.weight},${one.port},${one.name}`),
  },
};

async function attempt(label, ask) {
  try {
    return (await ask()).map((word) => `${label}:${word}`);
  } catch (error) {
    return [`${label}:${error.code}`];
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [kind, name] = line.split(' ');
    let words;
    try {
      words = await ways[process.argv[2]][kind](name);
    } catch (error) {
      words = [error.code];
    }
    console.log([kind, name, ...words].join('\t'));
  }
}

main();
