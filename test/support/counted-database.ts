import type { DatabaseConnection, Dialect, Driver } from 'kysely';
import type { Database } from '../../src/store/database.ts';

/** A database that reports each statement. */
export function heard(database: Database, hear: (sql: string) => void): Database {
  const { dialect } = database;
  const listening: Dialect = {
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createDriver: () => listeningDriver(dialect.createDriver(), hear),
  };
  return { ...database, dialect: listening };
}

function listeningDriver(driver: Driver, hear: (sql: string) => void): Driver {
  const inner = new WeakMap<DatabaseConnection, DatabaseConnection>();
  const innerOf = (connection: DatabaseConnection) => inner.get(connection) ?? connection;
  return {
    init: () => driver.init(),
    async acquireConnection() {
      const connection = await driver.acquireConnection();
      const outer: DatabaseConnection = {
        executeQuery: (query) => {
          hear(query.sql);
          return connection.executeQuery(query);
        },
        streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
      };
      inner.set(outer, connection);
      return outer;
    },
    beginTransaction: (connection, settings) => driver.beginTransaction(innerOf(connection), settings),
    commitTransaction: (connection) => driver.commitTransaction(innerOf(connection)),
    rollbackTransaction: (connection) => driver.rollbackTransaction(innerOf(connection)),
    releaseConnection: (connection) => driver.releaseConnection(innerOf(connection)),
    destroy: () => driver.destroy(),
  };
}
