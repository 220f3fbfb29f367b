/*
 * Make the members one replica set, and the users of its one database; for mongosh, as often as one
 * likes.
 *
 * It signs in as the members do among themselves, with their key: before the first user is made
 * nobody else could, but from within a member's own pod. Members that MEMBERS adds or takes away are
 * changed one by one, which is all that a set allows. Its settings are changed in a set that has others.
 */
const fs = require('fs');

const service = process.env.SERVICE;
const members = Array.from(
  { length: Number(process.env.MEMBERS) },
  (_, i) => `mongo-${service}-${i}.mongo-${service}:27017`,
);
/* The others miss a primary after 4 s, not after 10, MongoDB's own, and the next one waits for 1 s, not
 * for ever, for what only the old one had: nothing can be written until then (make cluster measures it).
 * No acknowledged write is lost by either, as a majority has those. */
const settings = {
  electionTimeoutMillis: 4000,
  heartbeatIntervalMillis: 1000,
  catchUpTimeoutMillis: 1000,
};
const secret = name => fs.readFileSync(`/secret/${name}`, 'utf8').replace(/\s/g, ''); // as mongod
const NOT_YET_INITIALIZED = 94;

function open(hosts, options) {
  const key = encodeURIComponent(secret('key'));
  return connect(
    `mongodb://__system:${key}@${hosts}/admin?authSource=local&serverSelectionTimeoutMS=60000&${options}`,
  );
}

function isPartOfSet(member) {
  try {
    open(member, 'directConnection=true').adminCommand({ replSetGetConfig: 1 });
    return true;
  } catch (error) {
    if (error.code === NOT_YET_INITIALIZED) return false;
    throw error;
  }
}

/* A first member that lost its volume is no reason to begin anew: the others know the set. */
if (!members.map(isPartOfSet).includes(true)) {
  print(`begin a set of ${members.length}`);
  open(members[0], 'directConnection=true').adminCommand({
    replSetInitiate: { _id: 'rs0', members: members.map((host, _id) => ({ _id, host })), settings },
  });
}

const set = open(members.join(','), 'replicaSet=rs0');

function nextConfig({ config }) {
  if (Object.keys(settings).some(name => Number(config.settings[name]) !== settings[name])) {
    print('change its settings');
    const { version } = config;
    return { ...config, version: version + 1, settings: { ...config.settings, ...settings } };
  }
  const add = members.find(host => !config.members.some(member => member.host === host));
  const drop = config.members.find(member => !members.includes(member.host));
  if (!add && !drop) return null;
  print(add ? `add ${add}` : `take away ${drop.host}`);
  const _id = Math.max(...config.members.map(member => member._id)) + 1;
  return {
    ...config,
    version: config.version + 1,
    members: add
      ? [...config.members, { _id, host: add }]
      : config.members.filter(member => member !== drop),
  };
}

for (let next; (next = nextConfig(set.adminCommand({ replSetGetConfig: 1 }))); )
  set.adminCommand({ replSetReconfig: next, maxTimeMS: 60000 });

function ensureUser(name, pwd, role) {
  const roles = [{ role, db: service }];
  const exists = set.adminCommand({ usersInfo: name }).users.length > 0;
  print(`${exists ? 'keep' : 'make'} user ${name}`);
  set.adminCommand({ [exists ? 'updateUser' : 'createUser']: name, pwd, roles });
}

ensureUser(service, secret('password'), 'readWrite');
ensureUser('ops', secret('ops-password'), 'read'); // it only looks (docs/adr/0010)
