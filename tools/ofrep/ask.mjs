// Asks a flag for users with OpenFeature's own provider, and prints what it makes of the answers, a line of JSON each:
//   node ask.mjs BASE_URL FLAG USER...
import { OpenFeature } from '@openfeature/server-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';

const [baseUrl, flag, ...users] = process.argv.slice(2);
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl }));
const client = OpenFeature.getClient();
for (const targetingKey of users) {
  const details = await client.getBooleanDetails(flag, false, targetingKey === '' ? {} : { targetingKey });
  console.log(JSON.stringify({ targetingKey, ...details }));
}
