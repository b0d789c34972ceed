module alertspawner/test/oracle/go-unicode

go 1.26
