module alertspawner/test/oracle/go-template

go 1.26
