/** Begins to read the image of this process's command line; see read-ahead.ts. */
import { readAhead } from './read-ahead.ts';

readAhead(process.argv.slice(3));
